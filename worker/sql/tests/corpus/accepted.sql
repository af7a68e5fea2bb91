-- a projection
INSERT INTO out SELECT user_id, price FROM clicks;
=>
plan 1aabc87b664d7e0b
source clicks (topic clicks-topic): user_id BIGINT, event_time TIMESTAMP, price DOUBLE
  watermark event_time - 5000 ms, idle after 30000 ms
stage 0 reads source clicks
  - project user_id, price
    write out
sink out (topic out-topic): user_id BIGINT, price DOUBLE
--------
-- all columns
INSERT INTO out SELECT * FROM clicks
=>
plan 818052dee2ef161f
source clicks (topic clicks-topic): user_id BIGINT, name VARCHAR, event_time TIMESTAMP, price DOUBLE, quantity INT, amount DECIMAL(10, 2), ok BOOLEAN
  watermark event_time - 5000 ms, idle after 30000 ms
stage 0 reads source clicks
  - project user_id, name, event_time, price, quantity, amount, ok
    write out
sink out (topic out-topic): user_id BIGINT, name VARCHAR, event_time TIMESTAMP, price DOUBLE, quantity INT, amount DECIMAL(10, 2), ok BOOLEAN
--------
-- a qualified star and an alias
INSERT INTO out SELECT c.* FROM clicks AS c WHERE c.price > 1
=>
plan f1da9f4cd99322ce
source clicks (topic clicks-topic): user_id BIGINT, name VARCHAR, event_time TIMESTAMP, price DOUBLE, quantity INT, amount DECIMAL(10, 2), ok BOOLEAN
  watermark event_time - 5000 ms, idle after 30000 ms
stage 0 reads source clicks
  - filter (price > 1.0)
    project user_id, name, event_time, price, quantity, amount, ok
    write out
sink out (topic out-topic): user_id BIGINT, name VARCHAR, event_time TIMESTAMP, price DOUBLE, quantity INT, amount DECIMAL(10, 2), ok BOOLEAN
--------
-- a source without event time
INSERT INTO out SELECT user_id FROM plain WHERE ok IS NOT TRUE
=>
plan 580af037f06a1d2f
source plain (topic plain-topic): user_id BIGINT, ok BOOLEAN
stage 0 reads source plain
  - filter (ok IS DISTINCT FROM TRUE)
    project user_id
    write out
sink out (topic out-topic): user_id BIGINT
--------
-- constants only: one column is read all the same
INSERT INTO out SELECT 1 AS one, 'x' AS text, TRUE AS yes, 1.5 AS half FROM plain
=>
plan 4fc09a81837e085b
source plain (topic plain-topic): user_id BIGINT
stage 0 reads source plain
  - project 1 AS one, 'x' AS text, TRUE AS yes, 1.5 AS half
    write out
sink out (topic out-topic): one BIGINT, text VARCHAR, yes BOOLEAN, half DOUBLE
--------
-- the flagship
INSERT INTO counts
SELECT user_id, window_start, count(*) AS clicks, max(price) AS top
FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY user_id, window_start, window_end;
=>
plan 863ec08f7e434652
source clicks (topic clicks-topic): user_id BIGINT, event_time TIMESTAMP, price DOUBLE
  watermark event_time - 5000 ms, idle after 30000 ms
stage 0 reads source clicks
  - project event_time, user_id, price AS __argument_1
    partial counts.window TUMBLE(10000 ms) keys (user_id) aggregates (count(*), max(price))
    send to exchange counts.window
stage 1 reads exchange counts.window
  - merge counts.window TUMBLE(10000 ms) keys (user_id) aggregates (count(*), max(price))
    project user_id, window_start, count(*) AS clicks, max(price) AS top
    write counts
exchange counts.window (16 partitions, 48d8bdaf46544136): __window_end BIGINT, __rows BIGINT, user_id BIGINT, count(*) BIGINT, max(price) DOUBLE
state of counts.window in stage 1: (window_end TUMBLE(10000 ms), user_id BIGINT) -> (count(*) BIGINT, max(price) DOUBLE)
sink counts (topic counts-topic): user_id BIGINT, window_start TIMESTAMP, clicks BIGINT, top DOUBLE key (user_id)
--------
-- the claim makes the exchange unnecessary
INSERT INTO counts
SELECT user_id, window_start, count(*) AS clicks, max(price) AS top
FROM TUMBLE(TABLE visits, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY user_id, window_start, window_end;
=>
plan 363f96afe622ed99
source visits (topic visits-topic): user_id BIGINT, event_time TIMESTAMP, price DOUBLE
  watermark event_time - 5000 ms, never idle
stage 0 reads source visits
  - project event_time, user_id, price AS __argument_1
    window counts.window TUMBLE(10000 ms) keys (user_id) aggregates (count(*), max(price))
    project user_id, window_start, count(*) AS clicks, max(price) AS top
    write counts
state of counts.window in stage 0: (window_end TUMBLE(10000 ms), user_id BIGINT) -> (count(*) BIGINT, max(price) DOUBLE)
sink counts (topic counts-topic): user_id BIGINT, window_start TIMESTAMP, clicks BIGINT, top DOUBLE key (user_id)
--------
-- the claim does not cover the keys
INSERT INTO out
SELECT name, count(*) AS n
FROM TUMBLE(TABLE visits, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY name, window_start, window_end;
=>
plan e42a11c5b55e283e
source visits (topic visits-topic): name VARCHAR, event_time TIMESTAMP
  watermark event_time - 5000 ms, never idle
stage 0 reads source visits
  - project event_time, name
    partial out.window TUMBLE(10000 ms) keys (name) aggregates (count(*))
    send to exchange out.window
stage 1 reads exchange out.window
  - merge out.window TUMBLE(10000 ms) keys (name) aggregates (count(*))
    project name, count(*) AS n
    write out
exchange out.window (16 partitions, d80069ca6689f90b): __window_end BIGINT, __rows BIGINT, name VARCHAR, count(*) BIGINT
state of out.window in stage 1: (window_end TUMBLE(10000 ms), name VARCHAR) -> (count(*) BIGINT)
sink out (topic out-topic): name VARCHAR, n BIGINT
--------
-- hop, slide before size, with an offset, in the older notation
INSERT INTO counts
SELECT t.user_id, t.window_end, avg(t.price) AS mean
FROM TABLE(HOP(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '2' SECOND, INTERVAL '10' SECONDS, INTERVAL '500' MILLISECOND)) AS t
GROUP BY t.user_id, t.window_start, t.window_end
=>
plan a83f382ba9b1f32c
source clicks (topic clicks-topic): user_id BIGINT, event_time TIMESTAMP, price DOUBLE
  watermark event_time - 5000 ms, idle after 30000 ms
stage 0 reads source clicks
  - project event_time, user_id, price AS __argument_0
    partial counts.window HOP(2000 ms, 10000 ms, offset 500 ms) keys (user_id) aggregates (avg(price))
    send to exchange counts.window
stage 1 reads exchange counts.window
  - merge counts.window HOP(2000 ms, 10000 ms, offset 500 ms) keys (user_id) aggregates (avg(price))
    project user_id, window_end, avg(price) AS mean
    write counts
exchange counts.window (16 partitions, 4e0e065d305d4891): __pane_end BIGINT, __first_window_end BIGINT, __rows BIGINT, user_id BIGINT, "avg(price).sum" DOUBLE, "avg(price).count" BIGINT
state of counts.window in stage 1: (pane_end HOP(2000 ms, 10000 ms, offset 500 ms), first_window_end HOP(2000 ms, 10000 ms, offset 500 ms), user_id BIGINT) -> (avg(price).sum DOUBLE, avg(price).count BIGINT)
sink counts (topic counts-topic): user_id BIGINT, window_end TIMESTAMP, mean DOUBLE key (user_id)
--------
-- a tumbling window with an offset and no other key
INSERT INTO out
SELECT window_start, window_end, window_time, count(*) AS n, count(name) AS named
FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '1' DAY, INTERVAL '-2' HOUR)
GROUP BY window_start, window_end, window_time
=>
plan 8dab0c2952f7a9d1
source clicks (topic clicks-topic): name VARCHAR, event_time TIMESTAMP
  watermark event_time - 5000 ms, idle after 30000 ms
stage 0 reads source clicks
  - project event_time, name AS __argument_1
    partial out.window TUMBLE(86400000 ms, offset 79200000 ms) keys () aggregates (count(*), count(name))
    send to exchange out.window
stage 1 reads exchange out.window
  - merge out.window TUMBLE(86400000 ms, offset 79200000 ms) keys () aggregates (count(*), count(name))
    project window_start, window_end, window_time, count(*) AS n, count(name) AS named
    write out
exchange out.window (16 partitions, 91aae4cec688f996): __window_end BIGINT, __rows BIGINT, count(*) BIGINT, count(name) BIGINT
state of out.window in stage 1: (window_end TUMBLE(86400000 ms, offset 79200000 ms)) -> (count(*) BIGINT, count(name) BIGINT)
sink out (topic out-topic): window_start TIMESTAMP, window_end TIMESTAMP, window_time TIMESTAMP, n BIGINT, named BIGINT
--------
-- having, expressions over aggregates, an aggregate used twice
INSERT INTO counts
SELECT user_id, sum(quantity) * 2 AS twice, sum(quantity) / count(*) AS mean
FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '1.5' MINUTE)
WHERE ok AND price BETWEEN 1 AND 9
GROUP BY user_id, window_start, window_end
HAVING count(*) > 3 AND max(name) IS NOT NULL
=>
plan 361ded3ed5cec692
source clicks (topic clicks-topic): user_id BIGINT, name VARCHAR, event_time TIMESTAMP, price DOUBLE, quantity INT, ok BOOLEAN
  watermark event_time - 5000 ms, idle after 30000 ms
stage 0 reads source clicks
  - filter (ok AND ((price >= 1.0) AND (price <= 9.0)))
    project event_time, user_id, CAST(quantity AS BIGINT) AS __argument_0, name AS __argument_2
    partial counts.window TUMBLE(90000 ms) keys (user_id) aggregates (sum(quantity), count(*), max(name))
    send to exchange counts.window
stage 1 reads exchange counts.window
  - merge counts.window TUMBLE(90000 ms) keys (user_id) aggregates (sum(quantity), count(*), max(name))
    filter ((count(*) > 3) AND (max(name) IS NOT NULL))
    project user_id, (sum(quantity) * 2) AS twice, (sum(quantity) / count(*)) AS mean
    write counts
exchange counts.window (16 partitions, 0ab48b1bbe8f8f7e): __window_end BIGINT, __rows BIGINT, user_id BIGINT, sum(quantity) BIGINT, count(*) BIGINT, max(name) VARCHAR
state of counts.window in stage 1: (window_end TUMBLE(90000 ms), user_id BIGINT) -> (sum(quantity) BIGINT, count(*) BIGINT, max(name) VARCHAR)
sink counts (topic counts-topic): user_id BIGINT, twice BIGINT, mean BIGINT key (user_id)
--------
-- a key that is an expression
INSERT INTO out
SELECT upper(name) AS who, coalesce(upper(name), '-') AS shown, window_end, min(event_time) AS first
FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '1' HOUR)
GROUP BY upper(name), window_start, window_end
=>
plan e513d0840e631ab7
source clicks (topic clicks-topic): name VARCHAR, event_time TIMESTAMP
  watermark event_time - 5000 ms, idle after 30000 ms
stage 0 reads source clicks
  - project event_time, upper(name), event_time AS __argument_0
    partial out.window TUMBLE(3600000 ms) keys (upper(name)) aggregates (min(event_time))
    send to exchange out.window
stage 1 reads exchange out.window
  - merge out.window TUMBLE(3600000 ms) keys (upper(name)) aggregates (min(event_time))
    project upper(name) AS who, CASE WHEN (upper(name) IS NOT NULL) THEN upper(name) ELSE '-' END AS shown, window_end, min(event_time) AS first
    write out
exchange out.window (16 partitions, b23926f74380e2ae): __window_end BIGINT, __rows BIGINT, upper(name) VARCHAR, min(event_time) TIMESTAMP
state of out.window in stage 1: (window_end TUMBLE(3600000 ms), upper(name) VARCHAR) -> (min(event_time) TIMESTAMP)
sink out (topic out-topic): who VARCHAR, shown VARCHAR, window_end TIMESTAMP, first TIMESTAMP
--------
-- a window over views, inlined
CREATE VIEW dear AS SELECT user_id AS id, price * quantity AS cost, event_time AS at FROM clicks WHERE price > 10;
CREATE VIEW dearer AS SELECT id, cost + 1 AS cost, at FROM dear WHERE cost > 100;
INSERT INTO out
SELECT id, sum(cost) AS total
FROM TUMBLE(TABLE dearer, DESCRIPTOR(at), INTERVAL '10' SECOND)
WHERE id <> 0
GROUP BY id, window_start, window_end
=>
plan 98ad0575b29444c7
source clicks (topic clicks-topic): user_id BIGINT, event_time TIMESTAMP, price DOUBLE, quantity INT
  watermark event_time - 5000 ms, idle after 30000 ms
stage 0 reads source clicks
  - filter (price > 10.0)
    filter ((price * CAST(quantity AS DOUBLE)) > 100.0)
    filter (user_id <> 0)
    project event_time, user_id, ((price * CAST(quantity AS DOUBLE)) + 1.0) AS __argument_0
    partial out.window TUMBLE(10000 ms) keys (user_id) aggregates (sum(((price * CAST(quantity AS DOUBLE)) + 1.0)))
    send to exchange out.window
stage 1 reads exchange out.window
  - merge out.window TUMBLE(10000 ms) keys (user_id) aggregates (sum(((price * CAST(quantity AS DOUBLE)) + 1.0)))
    project user_id AS id, sum(((price * CAST(quantity AS DOUBLE)) + 1.0)) AS total
    write out
exchange out.window (16 partitions, 4b06889a1ede6830): __window_end BIGINT, __rows BIGINT, user_id BIGINT, sum(((price * CAST(quantity AS DOUBLE)) + 1.0)) DOUBLE
state of out.window in stage 1: (window_end TUMBLE(10000 ms), user_id BIGINT) -> (sum(((price * CAST(quantity AS DOUBLE)) + 1.0)) DOUBLE)
sink out (topic out-topic): id BIGINT, total DOUBLE
--------
-- the claim is seen through views
CREATE VIEW v AS SELECT user_id AS id, event_time FROM visits;
INSERT INTO out
SELECT id, count(*) AS n FROM TUMBLE(TABLE v, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY id, window_start, window_end
=>
plan 9cd38bbdd2ef3c1a
source visits (topic visits-topic): user_id BIGINT, event_time TIMESTAMP
  watermark event_time - 5000 ms, never idle
stage 0 reads source visits
  - project event_time, user_id
    window out.window TUMBLE(10000 ms) keys (user_id) aggregates (count(*))
    project user_id AS id, count(*) AS n
    write out
state of out.window in stage 0: (window_end TUMBLE(10000 ms), user_id BIGINT) -> (count(*) BIGINT)
sink out (topic out-topic): id BIGINT, n BIGINT
--------
-- several inserts over one source, and one sink written twice
INSERT INTO out SELECT user_id, price FROM clicks WHERE price > 100;
INSERT INTO out SELECT user_id, price * 2 AS price FROM visits;
INSERT INTO counts
SELECT user_id, count(*) AS n FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY user_id, window_start, window_end;
INSERT INTO other
SELECT name, count(*) AS n FROM HOP(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '1' SECOND, INTERVAL '10' MINUTE)
GROUP BY name, window_start, window_end
=>
plan 10cf60561d2ae3dc
source clicks (topic clicks-topic): user_id BIGINT, name VARCHAR, event_time TIMESTAMP, price DOUBLE
  watermark event_time - 5000 ms, idle after 30000 ms
source visits (topic visits-topic): user_id BIGINT, event_time TIMESTAMP, price DOUBLE
  watermark event_time - 5000 ms, never idle
stage 0 reads source clicks
  - project event_time, user_id
    partial counts.window TUMBLE(10000 ms) keys (user_id) aggregates (count(*))
    send to exchange counts.window
  - project event_time, name
    partial other.window HOP(1000 ms, 600000 ms) keys (name) aggregates (count(*))
    send to exchange other.window
  - filter (price > 100.0)
    project user_id, price
    write out
stage 0 reads source visits
  - project user_id, (price * 2.0) AS price
    write out
stage 1 reads exchange counts.window
  - merge counts.window TUMBLE(10000 ms) keys (user_id) aggregates (count(*))
    project user_id, count(*) AS n
    write counts
stage 1 reads exchange other.window
  - merge other.window HOP(1000 ms, 600000 ms) keys (name) aggregates (count(*))
    project name, count(*) AS n
    write other
exchange counts.window (16 partitions, 9cfef0fc290e2b15): __window_end BIGINT, __rows BIGINT, user_id BIGINT, count(*) BIGINT
exchange other.window (16 partitions, 8ef08dd6e1ae18ac): __pane_end BIGINT, __first_window_end BIGINT, __rows BIGINT, name VARCHAR, count(*) BIGINT
state of counts.window in stage 1: (window_end TUMBLE(10000 ms), user_id BIGINT) -> (count(*) BIGINT)
state of other.window in stage 1: (pane_end HOP(1000 ms, 600000 ms), first_window_end HOP(1000 ms, 600000 ms), name VARCHAR) -> (count(*) BIGINT)
sink counts (topic counts-topic): user_id BIGINT, n BIGINT key (user_id)
sink other (topic other-topic): name VARCHAR, n BIGINT
sink out (topic out-topic): user_id BIGINT, price DOUBLE
--------
-- decimals
INSERT INTO out
SELECT sum(amount) AS total, min(amount) AS least FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '1' WEEK)
GROUP BY window_start, window_end
=>
plan 24409c1985f6efc2
source clicks (topic clicks-topic): event_time TIMESTAMP, amount DECIMAL(10, 2)
  watermark event_time - 5000 ms, idle after 30000 ms
stage 0 reads source clicks
  - project event_time, amount AS __argument_0
    partial out.window TUMBLE(604800000 ms) keys () aggregates (sum(amount), min(amount))
    send to exchange out.window
stage 1 reads exchange out.window
  - merge out.window TUMBLE(604800000 ms) keys () aggregates (sum(amount), min(amount))
    project sum(amount) AS total, min(amount) AS least
    write out
exchange out.window (16 partitions, 42f7805d1d55972e): __window_end BIGINT, __rows BIGINT, sum(amount) DECIMAL(38, 2), min(amount) DECIMAL(10, 2)
state of out.window in stage 1: (window_end TUMBLE(604800000 ms)) -> (sum(amount) DECIMAL(38, 2), min(amount) DECIMAL(10, 2))
sink out (topic out-topic): total DECIMAL(38, 2), least DECIMAL(10, 2)
--------
-- functions and operators
INSERT INTO out SELECT
  lower(trim(name)) AS a, substring(name FROM 2 FOR 3) AS b, substr(name, 2) AS c, length(name) AS d,
  concat(name, '-', user_id) AS e, nullif(price, 0.0) AS f, abs(quantity) AS g, floor(price) AS h, ceil(price) AS i,
  round(price, 2) AS j, CASE quantity WHEN 1 THEN 'one' ELSE 'more' END AS k, date_trunc('hour', event_time) AS l,
  -price AS m, user_id % 10 AS n, name ILIKE '%x%' AS o, price NOT IN (1, 2) AS p, trim(LEADING 'x' FROM name) AS q,
  -9223372036854775808 AS r, name IS DISTINCT FROM 'a' AS s, NOT ok AS t
FROM clicks
=>
plan 2df712ac37b3655a
source clicks (topic clicks-topic): user_id BIGINT, name VARCHAR, event_time TIMESTAMP, price DOUBLE, quantity INT, ok BOOLEAN
  watermark event_time - 5000 ms, idle after 30000 ms
stage 0 reads source clicks
  - project lower(btrim(name)) AS a, substr(name, 2, 3) AS b, substr(name, 2) AS c, character_length(name) AS d, concat(name, '-', CAST(user_id AS VARCHAR)) AS e, nullif(price, 0.0) AS f, abs(quantity) AS g, floor(price) AS h, ceil(price) AS i, round(price, INT '2') AS j, CASE CAST(quantity AS BIGINT) WHEN 1 THEN 'one' ELSE 'more' END AS k, date_trunc('hour', event_time) AS l, (- price) AS m, (user_id % 10) AS n, (name ILIKE '%x%') AS o, ((price <> 1.0) AND (price <> 2.0)) AS p, ltrim(name, 'x') AS q, -9223372036854775808 AS r, (name IS DISTINCT FROM 'a') AS s, (NOT ok) AS t
    write out
sink out (topic out-topic): a VARCHAR, b VARCHAR, c VARCHAR, d INT, e VARCHAR, f DOUBLE, g INT, h DOUBLE, i DOUBLE, j DOUBLE, k VARCHAR, l TIMESTAMP, m DOUBLE, n BIGINT, o BOOLEAN, p BOOLEAN, q VARCHAR, r BIGINT, s BOOLEAN, t BOOLEAN
--------
-- casts
INSERT INTO out SELECT
  CAST(quantity AS BIGINT) AS a, price::INT AS b, TRY_CAST(name AS DOUBLE PRECISION) AS c, CAST(event_time AS VARCHAR) AS d,
  CAST(price AS DECIMAL(12, 3)) AS e, CAST(user_id AS BOOLEAN) AS f, CAST('2024-01-01T00:00:00' AS TIMESTAMP) AS g
FROM clicks
=>
plan 5c2944e06d1900e8
source clicks (topic clicks-topic): user_id BIGINT, name VARCHAR, event_time TIMESTAMP, price DOUBLE, quantity INT
  watermark event_time - 5000 ms, idle after 30000 ms
stage 0 reads source clicks
  - project CAST(quantity AS BIGINT) AS a, CAST(price AS INT) AS b, TRY_CAST(name AS DOUBLE) AS c, CAST(event_time AS VARCHAR) AS d, CAST(price AS DECIMAL(12, 3)) AS e, CAST(user_id AS BOOLEAN) AS f, TIMESTAMP '1704067200000' AS g
    write out
sink out (topic out-topic): a BIGINT, b INT, c DOUBLE, d VARCHAR, e DECIMAL(12, 3), f BOOLEAN, g TIMESTAMP
--------
-- event time arithmetic
INSERT INTO out SELECT event_time + INTERVAL '1' DAY AS tomorrow FROM clicks WHERE event_time < TIMESTAMP '2030-01-01 00:00:00'
=>
plan 64dc869f6e6ea762
source clicks (topic clicks-topic): event_time TIMESTAMP
  watermark event_time - 5000 ms, idle after 30000 ms
stage 0 reads source clicks
  - filter (event_time < TIMESTAMP '1893456000000')
    project (event_time + INTERVAL '0' MONTH '0' DAY '86400000000000' NANOSECOND) AS tomorrow
    write out
sink out (topic out-topic): tomorrow TIMESTAMP
--------
-- quoted names
INSERT INTO out SELECT "user_id" AS "User Id", `price` FROM "clicks"
=>
plan b99d765fe8eafde7
source clicks (topic clicks-topic): user_id BIGINT, event_time TIMESTAMP, price DOUBLE
  watermark event_time - 5000 ms, idle after 30000 ms
stage 0 reads source clicks
  - project user_id AS "User Id", price
    write out
sink out (topic out-topic): "User Id" BIGINT, price DOUBLE
--------
-- a key in the sink
INSERT INTO counts SELECT user_id, name FROM clicks
=>
plan 9737257df39d3b07
source clicks (topic clicks-topic): user_id BIGINT, name VARCHAR, event_time TIMESTAMP
  watermark event_time - 5000 ms, idle after 30000 ms
stage 0 reads source clicks
  - project user_id, name
    write counts
sink counts (topic counts-topic): user_id BIGINT, name VARCHAR key (user_id)
--------
-- cumulate: step before size, both columns of a window
INSERT INTO out
SELECT window_start, window_end, window_time, sum(quantity) AS q
FROM CUMULATE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '1' HOUR, INTERVAL '1' DAY)
GROUP BY window_start, window_end, window_time
=>
plan 196282ee91218b2e
source clicks (topic clicks-topic): event_time TIMESTAMP, quantity INT
  watermark event_time - 5000 ms, idle after 30000 ms
stage 0 reads source clicks
  - project event_time, CAST(quantity AS BIGINT) AS __argument_0
    partial out.window CUMULATE(3600000 ms, 86400000 ms) keys () aggregates (sum(quantity))
    send to exchange out.window
stage 1 reads exchange out.window
  - merge out.window CUMULATE(3600000 ms, 86400000 ms) keys () aggregates (sum(quantity))
    project window_start, window_end, window_time, sum(quantity) AS q
    write out
exchange out.window (16 partitions, f7024d45a788544b): __pane_end BIGINT, __first_window_end BIGINT, __rows BIGINT, sum(quantity) BIGINT
state of out.window in stage 1: (pane_end CUMULATE(3600000 ms, 86400000 ms), first_window_end CUMULATE(3600000 ms, 86400000 ms)) -> (sum(quantity) BIGINT)
sink out (topic out-topic): window_start TIMESTAMP, window_end TIMESTAMP, window_time TIMESTAMP, q BIGINT
--------
-- cumulate with an offset, complete in stage 0
INSERT INTO counts
SELECT user_id, window_end, count(*) AS n
FROM CUMULATE(TABLE visits, DESCRIPTOR(event_time), INTERVAL '2' SECOND, INTERVAL '10' SECOND, INTERVAL '-3' SECOND)
GROUP BY user_id, window_start, window_end
=>
plan 8ccb3203d5756a51
source visits (topic visits-topic): user_id BIGINT, event_time TIMESTAMP
  watermark event_time - 5000 ms, never idle
stage 0 reads source visits
  - project event_time, user_id
    window counts.window CUMULATE(2000 ms, 10000 ms, offset 7000 ms) keys (user_id) aggregates (count(*))
    project user_id, window_end, count(*) AS n
    write counts
state of counts.window in stage 0: (pane_end CUMULATE(2000 ms, 10000 ms, offset 7000 ms), first_window_end CUMULATE(2000 ms, 10000 ms, offset 7000 ms), user_id BIGINT) -> (count(*) BIGINT)
sink counts (topic counts-topic): user_id BIGINT, window_end TIMESTAMP, n BIGINT key (user_id)
--------
-- tumble with an offset
INSERT INTO out
SELECT window_start, count(*) AS n
FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '1' DAY, INTERVAL '2' HOUR)
GROUP BY window_start, window_end
=>
plan bdac03ac75c3d421
source clicks (topic clicks-topic): event_time TIMESTAMP
  watermark event_time - 5000 ms, idle after 30000 ms
stage 0 reads source clicks
  - project event_time
    partial out.window TUMBLE(86400000 ms, offset 7200000 ms) keys () aggregates (count(*))
    send to exchange out.window
stage 1 reads exchange out.window
  - merge out.window TUMBLE(86400000 ms, offset 7200000 ms) keys () aggregates (count(*))
    project window_start, count(*) AS n
    write out
exchange out.window (16 partitions, 943fead69d868f62): __window_end BIGINT, __rows BIGINT, count(*) BIGINT
state of out.window in stage 1: (window_end TUMBLE(86400000 ms, offset 7200000 ms)) -> (count(*) BIGINT)
sink out (topic out-topic): window_start TIMESTAMP, n BIGINT
--------
-- allowed lateness
INSERT INTO counts
SELECT user_id, window_end, count(*) AS n
FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY user_id, window_start, window_end
HAVING count(*) > 1
ALLOWED LATENESS INTERVAL '1' HOUR;
=>
plan 9c8231c019446112
source clicks (topic clicks-topic): user_id BIGINT, event_time TIMESTAMP
  watermark event_time - 5000 ms, idle after 30000 ms
stage 0 reads source clicks
  - project event_time, user_id
    partial counts.window TUMBLE(10000 ms) lateness 3600000 ms keys (user_id) aggregates (count(*))
    send to exchange counts.window
stage 1 reads exchange counts.window
  - merge counts.window TUMBLE(10000 ms) lateness 3600000 ms keys (user_id) aggregates (count(*))
    filter (count(*) > 1)
    project user_id, window_end, count(*) AS n
    write counts
exchange counts.window (16 partitions, 9cfef0fc290e2b15): __window_end BIGINT, __rows BIGINT, user_id BIGINT, count(*) BIGINT
state of counts.window in stage 1: (window_end TUMBLE(10000 ms) lateness 3600000 ms, user_id BIGINT) -> (count(*) BIGINT)
sink counts (topic counts-topic): user_id BIGINT, window_end TIMESTAMP, n BIGINT key (user_id)
--------
-- late rows into a sink of their own: rows cross the exchange
CREATE VIEW dear AS SELECT user_id AS id, event_time AS at, price * 2 AS twice FROM clicks WHERE price > 1;
INSERT INTO out
SELECT id, window_end, count(*) AS n, max(twice) AS top
FROM TUMBLE(TABLE dear, DESCRIPTOR(at), INTERVAL '10' SECOND)
GROUP BY id, window_start, window_end
ALLOWED LATENESS INTERVAL '1' MINUTE
LATE ROWS INTO late;
=>
plan 5257d1ba58292e18
source clicks (topic clicks-topic): user_id BIGINT, event_time TIMESTAMP, price DOUBLE
  watermark event_time - 5000 ms, idle after 30000 ms
stage 0 reads source clicks
  - filter (price > 1.0)
    project event_time, user_id, (price * 2.0) AS __argument_1, user_id AS __late_id, event_time AS __late_at, (price * 2.0) AS __late_twice
    rows for out.window TUMBLE(10000 ms) lateness 60000 ms keys (user_id) aggregates (count(*), max((price * 2.0)))
    late rows to late
    send to exchange out.window
stage 1 reads exchange out.window
  - merge out.window TUMBLE(10000 ms) lateness 60000 ms keys (user_id) aggregates (count(*), max((price * 2.0)))
    late rows to late
    project user_id AS id, window_end, count(*) AS n, max((price * 2.0)) AS top
    write out
exchange out.window (16 partitions, 813ce96213b7336b): __window_end BIGINT, __rows BIGINT, user_id BIGINT, count(*) BIGINT, max((price * 2.0)) DOUBLE, __late_id BIGINT, __late_at TIMESTAMP, __late_twice DOUBLE
state of out.window in stage 1: (window_end TUMBLE(10000 ms) lateness 60000 ms, user_id BIGINT) -> (count(*) BIGINT, max((price * 2.0)) DOUBLE)
sink late (topic late-topic): id BIGINT, at TIMESTAMP, twice DOUBLE, late_reason VARCHAR, window_start TIMESTAMP, window_end TIMESTAMP, late_by BIGINT
sink out (topic out-topic): id BIGINT, window_end TIMESTAMP, n BIGINT, top DOUBLE
--------
-- late rows of a window in stage 0, and the same sink for two windows
INSERT INTO counts
SELECT user_id, window_end, count(*) AS n
FROM TUMBLE(TABLE visits, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY user_id, window_start, window_end
LATE ROWS INTO late;
INSERT INTO out
SELECT user_id, window_end, count(*) AS n
FROM HOP(TABLE visits, DESCRIPTOR(event_time), INTERVAL '5' SECOND, INTERVAL '10' SECOND)
GROUP BY user_id, window_start, window_end
LATE ROWS INTO late ALLOWED LATENESS INTERVAL '1' SECOND;
=>
plan 6f5a05b81b423f7d
source visits (topic visits-topic): user_id BIGINT, name VARCHAR, event_time TIMESTAMP, price DOUBLE, quantity INT, amount DECIMAL(10, 2), ok BOOLEAN
  watermark event_time - 5000 ms, never idle
stage 0 reads source visits
  - project event_time, user_id, user_id AS __late_user_id, name AS __late_name, event_time AS __late_event_time, price AS __late_price, quantity AS __late_quantity, amount AS __late_amount, ok AS __late_ok
    window counts.window TUMBLE(10000 ms) keys (user_id) aggregates (count(*))
    late rows to late
    project user_id, window_end, count(*) AS n
    write counts
  - project event_time, user_id, user_id AS __late_user_id, name AS __late_name, event_time AS __late_event_time, price AS __late_price, quantity AS __late_quantity, amount AS __late_amount, ok AS __late_ok
    window out.window HOP(5000 ms, 10000 ms) lateness 1000 ms keys (user_id) aggregates (count(*))
    late rows to late
    project user_id, window_end, count(*) AS n
    write out
state of counts.window in stage 0: (window_end TUMBLE(10000 ms), user_id BIGINT) -> (count(*) BIGINT)
state of out.window in stage 0: (pane_end HOP(5000 ms, 10000 ms) lateness 1000 ms, first_window_end HOP(5000 ms, 10000 ms) lateness 1000 ms, user_id BIGINT) -> (count(*) BIGINT)
sink counts (topic counts-topic): user_id BIGINT, window_end TIMESTAMP, n BIGINT key (user_id)
sink late (topic late-topic): user_id BIGINT, name VARCHAR, event_time TIMESTAMP, price DOUBLE, quantity INT, amount DECIMAL(10, 2), ok BOOLEAN, late_reason VARCHAR, window_start TIMESTAMP, window_end TIMESTAMP, late_by BIGINT
sink out (topic out-topic): user_id BIGINT, window_end TIMESTAMP, n BIGINT
--------
-- filtered aggregates, variance
INSERT INTO counts
SELECT user_id, count(*) FILTER (WHERE ok) AS good, sum(quantity) FILTER (WHERE price > 1) AS q,
  stddev(price) AS spread, variance(amount) AS v, count(*) FILTER (WHERE ok) + 1 AS again
FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY user_id, window_start, window_end
=>
plan cf2f56d2bf1dd262
source clicks (topic clicks-topic): user_id BIGINT, event_time TIMESTAMP, price DOUBLE, quantity INT, amount DECIMAL(10, 2), ok BOOLEAN
  watermark event_time - 5000 ms, idle after 30000 ms
stage 0 reads source clicks
  - project event_time, user_id, CASE WHEN ok THEN 1 END AS __argument_0, CASE WHEN (price > 1.0) THEN CAST(quantity AS BIGINT) END AS __argument_1, price AS __argument_2, CAST(amount AS DOUBLE) AS __argument_3
    partial counts.window TUMBLE(10000 ms) keys (user_id) aggregates (count(*) FILTER (WHERE ok), sum(quantity) FILTER (WHERE (price > 1.0)), stddev_samp(price), var_samp(amount))
    send to exchange counts.window
stage 1 reads exchange counts.window
  - merge counts.window TUMBLE(10000 ms) keys (user_id) aggregates (count(*) FILTER (WHERE ok), sum(quantity) FILTER (WHERE (price > 1.0)), stddev_samp(price), var_samp(amount))
    project user_id, count(*) FILTER (WHERE ok) AS good, sum(quantity) FILTER (WHERE (price > 1.0)) AS q, stddev_samp(price) AS spread, var_samp(amount) AS v, (count(*) FILTER (WHERE ok) + 1) AS again
    write counts
exchange counts.window (16 partitions, 93ddfed50ffd9ffd): __window_end BIGINT, __rows BIGINT, user_id BIGINT, count(*) FILTER (WHERE ok) BIGINT, sum(quantity) FILTER (WHERE (price > 1.0)) BIGINT, "stddev_samp(price).count" BIGINT, "stddev_samp(price).mean" DOUBLE, "stddev_samp(price).squares" DOUBLE, "var_samp(amount).count" BIGINT, "var_samp(amount).mean" DOUBLE, "var_samp(amount).squares" DOUBLE
state of counts.window in stage 1: (window_end TUMBLE(10000 ms), user_id BIGINT) -> (count(*) FILTER (WHERE ok) BIGINT, sum(quantity) FILTER (WHERE (price > 1.0)) BIGINT, stddev_samp(price).count BIGINT, stddev_samp(price).mean DOUBLE, stddev_samp(price).squares DOUBLE, var_samp(amount).count BIGINT, var_samp(amount).mean DOUBLE, var_samp(amount).squares DOUBLE)
sink counts (topic counts-topic): user_id BIGINT, good BIGINT, q BIGINT, spread DOUBLE, v DOUBLE, again BIGINT key (user_id)
--------
-- a session, in two phases
INSERT INTO counts
SELECT user_id, window_start, window_end, count(*) AS n, max(price) AS top
FROM SESSION(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '30' SECOND)
GROUP BY user_id, window_start, window_end
=>
plan 1b3cf65ea5b3bb8f
source clicks (topic clicks-topic): user_id BIGINT, event_time TIMESTAMP, price DOUBLE
  watermark event_time - 5000 ms, idle after 30000 ms
stage 0 reads source clicks
  - project event_time, user_id, price AS __argument_1
    partial counts.window SESSION(30000 ms) keys (user_id) aggregates (count(*), max(price))
    send to exchange counts.window
stage 1 reads exchange counts.window
  - merge counts.window SESSION(30000 ms) keys (user_id) aggregates (count(*), max(price))
    project user_id, window_start, window_end, count(*) AS n, max(price) AS top
    write counts
exchange counts.window (16 partitions, 3edb7414d5fd7b85): __window_end BIGINT, __window_start BIGINT, __rows BIGINT, user_id BIGINT, count(*) BIGINT, max(price) DOUBLE
state of counts.window in stage 1: (window_end SESSION(30000 ms), user_id BIGINT) -> (window_start TIMESTAMP, count(*) BIGINT, max(price) DOUBLE)
sink counts (topic counts-topic): user_id BIGINT, window_start TIMESTAMP, window_end TIMESTAMP, n BIGINT, top DOUBLE key (user_id)
--------
-- a session where the partitioning covers the key
INSERT INTO counts
SELECT s.user_id, s.window_time, sum(s.quantity) AS q
FROM SESSION(TABLE visits, DESCRIPTOR(event_time), INTERVAL '1' MINUTE) AS s
GROUP BY s.user_id, s.window_start, s.window_end, s.window_time
HAVING count(*) > 1
=>
plan 7b8cf848f43c2978
source visits (topic visits-topic): user_id BIGINT, event_time TIMESTAMP, quantity INT
  watermark event_time - 5000 ms, never idle
stage 0 reads source visits
  - project event_time, user_id, CAST(quantity AS BIGINT) AS __argument_0
    window counts.window SESSION(60000 ms) keys (user_id) aggregates (sum(quantity), count(*))
    filter (count(*) > 1)
    project user_id, window_time, sum(quantity) AS q
    write counts
state of counts.window in stage 0: (window_end SESSION(60000 ms), user_id BIGINT) -> (window_start TIMESTAMP, sum(quantity) BIGINT, count(*) BIGINT)
sink counts (topic counts-topic): user_id BIGINT, window_time TIMESTAMP, q BIGINT key (user_id)
--------
-- late rows of sessions
INSERT INTO out
SELECT window_start, count(*) AS n
FROM SESSION(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '5' SECOND)
GROUP BY window_start, window_end
LATE ROWS INTO late
=>
plan e35051c4a8d38993
source clicks (topic clicks-topic): user_id BIGINT, name VARCHAR, event_time TIMESTAMP, price DOUBLE, quantity INT, amount DECIMAL(10, 2), ok BOOLEAN
  watermark event_time - 5000 ms, idle after 30000 ms
stage 0 reads source clicks
  - project event_time, user_id AS __late_user_id, name AS __late_name, event_time AS __late_event_time, price AS __late_price, quantity AS __late_quantity, amount AS __late_amount, ok AS __late_ok
    rows for out.window SESSION(5000 ms) keys () aggregates (count(*))
    late rows to late
    send to exchange out.window
stage 1 reads exchange out.window
  - merge out.window SESSION(5000 ms) keys () aggregates (count(*))
    late rows to late
    project window_start, count(*) AS n
    write out
exchange out.window (16 partitions, a1a8cb6360a5485d): __window_end BIGINT, __window_start BIGINT, __rows BIGINT, count(*) BIGINT, __late_user_id BIGINT, __late_name VARCHAR, __late_event_time TIMESTAMP, __late_price DOUBLE, __late_quantity INT, __late_amount DECIMAL(10, 2), __late_ok BOOLEAN
state of out.window in stage 1: (window_end SESSION(5000 ms)) -> (window_start TIMESTAMP, count(*) BIGINT)
sink late (topic late-topic): user_id BIGINT, name VARCHAR, event_time TIMESTAMP, price DOUBLE, quantity INT, amount DECIMAL(10, 2), ok BOOLEAN, late_reason VARCHAR, window_start TIMESTAMP, window_end TIMESTAMP, late_by BIGINT
sink out (topic out-topic): window_start TIMESTAMP, n BIGINT
--------
-- distinct values, also of a condition, beside a plain count
INSERT INTO counts
SELECT user_id, window_start, count(DISTINCT name) AS names, count(name) AS all_names,
  count(DISTINCT price) FILTER (WHERE ok) AS prices
FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY user_id, window_start, window_end
=>
plan ea3a5b8f71983150
source clicks (topic clicks-topic): user_id BIGINT, name VARCHAR, event_time TIMESTAMP, price DOUBLE, ok BOOLEAN
  watermark event_time - 5000 ms, idle after 30000 ms
stage 0 reads source clicks
  - project event_time, user_id, name AS __argument_0, CASE WHEN ok THEN price END AS __argument_2
    partial counts.window TUMBLE(10000 ms) keys (user_id) aggregates (count(DISTINCT name), count(name), count(DISTINCT price) FILTER (WHERE ok))
    send to exchange counts.window
stage 1 reads exchange counts.window
  - merge counts.window TUMBLE(10000 ms) keys (user_id) aggregates (count(DISTINCT name), count(name), count(DISTINCT price) FILTER (WHERE ok))
    project user_id, window_start, count(DISTINCT name) AS names, count(name) AS all_names, count(DISTINCT price) FILTER (WHERE ok) AS prices
    write counts
exchange counts.window (16 partitions, ebdf92f6c169dd26): __window_end BIGINT, __rows BIGINT, user_id BIGINT, "count(DISTINCT name) of VARCHAR" BYTES, count(name) BIGINT, "count(DISTINCT price) FILTER (WHERE ok) of DOUBLE" BYTES
state of counts.window in stage 1: (window_end TUMBLE(10000 ms), user_id BIGINT) -> (count(DISTINCT name) of VARCHAR BYTES, count(name) BIGINT, count(DISTINCT price) FILTER (WHERE ok) of DOUBLE BYTES)
sink counts (topic counts-topic): user_id BIGINT, window_start TIMESTAMP, names BIGINT, all_names BIGINT, prices BIGINT key (user_id)
--------
-- first and last by event time
INSERT INTO counts
SELECT user_id, first_value(name) AS a, last_value(price) AS b, last_value(ok) AS c, first_value(amount) AS d
FROM HOP(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '5' SECOND, INTERVAL '10' SECOND)
GROUP BY user_id, window_start, window_end
=>
plan d7aecd8e18d407b2
source clicks (topic clicks-topic): user_id BIGINT, name VARCHAR, event_time TIMESTAMP, price DOUBLE, amount DECIMAL(10, 2), ok BOOLEAN
  watermark event_time - 5000 ms, idle after 30000 ms
stage 0 reads source clicks
  - project event_time, user_id, name AS __argument_0, price AS __argument_1, ok AS __argument_2, amount AS __argument_3
    partial counts.window HOP(5000 ms, 10000 ms) keys (user_id) aggregates (first_value(name), last_value(price), last_value(ok), first_value(amount))
    send to exchange counts.window
stage 1 reads exchange counts.window
  - merge counts.window HOP(5000 ms, 10000 ms) keys (user_id) aggregates (first_value(name), last_value(price), last_value(ok), first_value(amount))
    project user_id, first_value(name) AS a, last_value(price) AS b, last_value(ok) AS c, first_value(amount) AS d
    write counts
exchange counts.window (16 partitions, 5af5f25cb6935f32): __pane_end BIGINT, __first_window_end BIGINT, __rows BIGINT, user_id BIGINT, "first_value(name).time" TIMESTAMP, "first_value(name).partition" INT, "first_value(name).position" BIGINT, "first_value(name).value" VARCHAR, "last_value(price).time" TIMESTAMP, "last_value(price).partition" INT, "last_value(price).position" BIGINT, "last_value(price).value" DOUBLE, "last_value(ok).time" TIMESTAMP, "last_value(ok).partition" INT, "last_value(ok).position" BIGINT, "last_value(ok).value" BOOLEAN, "first_value(amount).time" TIMESTAMP, "first_value(amount).partition" INT, "first_value(amount).position" BIGINT, "first_value(amount).value" DECIMAL(10, 2)
state of counts.window in stage 1: (pane_end HOP(5000 ms, 10000 ms), first_window_end HOP(5000 ms, 10000 ms), user_id BIGINT) -> (first_value(name).time TIMESTAMP, first_value(name).partition INT, first_value(name).position BIGINT, first_value(name).value VARCHAR, last_value(price).time TIMESTAMP, last_value(price).partition INT, last_value(price).position BIGINT, last_value(price).value DOUBLE, last_value(ok).time TIMESTAMP, last_value(ok).partition INT, last_value(ok).position BIGINT, last_value(ok).value BOOLEAN, first_value(amount).time TIMESTAMP, first_value(amount).partition INT, first_value(amount).position BIGINT, first_value(amount).value DECIMAL(10, 2))
sink counts (topic counts-topic): user_id BIGINT, a VARCHAR, b DOUBLE, c BOOLEAN, d DECIMAL(10, 2) key (user_id)
--------
-- arrays with a limit
INSERT INTO counts
SELECT user_id, array_agg(price LIMIT 5) AS prices, array_agg(upper(name) LIMIT 10000) FILTER (WHERE ok) AS names
FROM TUMBLE(TABLE visits, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY user_id, window_start, window_end
=>
plan 3452e0c0477118e3
source visits (topic visits-topic): user_id BIGINT, name VARCHAR, event_time TIMESTAMP, price DOUBLE, ok BOOLEAN
  watermark event_time - 5000 ms, never idle
stage 0 reads source visits
  - project event_time, user_id, price AS __argument_0, CASE WHEN ok THEN upper(name) END AS __argument_1
    window counts.window TUMBLE(10000 ms) keys (user_id) aggregates (array_agg(price LIMIT 5), array_agg(upper(name) LIMIT 10000) FILTER (WHERE ok))
    project user_id, array_agg(price LIMIT 5) AS prices, array_agg(upper(name) LIMIT 10000) FILTER (WHERE ok) AS names
    write counts
state of counts.window in stage 0: (window_end TUMBLE(10000 ms), user_id BIGINT) -> (array_agg(price LIMIT 5) of DOUBLE BYTES, array_agg(upper(name) LIMIT 10000) FILTER (WHERE ok) of VARCHAR BYTES)
sink counts (topic counts-topic): user_id BIGINT, prices ARRAY<DOUBLE>, names ARRAY<VARCHAR> key (user_id)
--------
INSERT INTO out SELECT user_id, name, event_time, price FROM bids WHERE ok
=>
plan 318f8b5dc10cbd95
source bids (topic bids-topic): user_id BIGINT FROM bid."bidder id", name VARCHAR METADATA FROM 'key', event_time TIMESTAMP METADATA FROM 'timestamp', price DOUBLE FROM bid.price, ok BOOLEAN
  watermark event_time - 5000 ms, idle after 30000 ms
stage 0 reads source bids
  - filter ok
    project user_id, name, event_time, price
    write out
sink out (topic out-topic): user_id BIGINT, name VARCHAR, event_time TIMESTAMP, price DOUBLE
--------
INSERT INTO counts SELECT user_id, window_start, count(*) AS n, max(price) AS top, last_value(name) AS key
FROM TUMBLE(TABLE bids, DESCRIPTOR(event_time), INTERVAL '10' SECOND) GROUP BY user_id, window_start, window_end
=>
plan 07f0aaf7173a6367
source bids (topic bids-topic): user_id BIGINT FROM bid."bidder id", name VARCHAR METADATA FROM 'key', event_time TIMESTAMP METADATA FROM 'timestamp', price DOUBLE FROM bid.price
  watermark event_time - 5000 ms, idle after 30000 ms
stage 0 reads source bids
  - project event_time, user_id, price AS __argument_1, name AS __argument_2
    partial counts.window TUMBLE(10000 ms) keys (user_id) aggregates (count(*), max(price), last_value(name))
    send to exchange counts.window
stage 1 reads exchange counts.window
  - merge counts.window TUMBLE(10000 ms) keys (user_id) aggregates (count(*), max(price), last_value(name))
    project user_id, window_start, count(*) AS n, max(price) AS top, last_value(name) AS key
    write counts
exchange counts.window (16 partitions, 934a02ed5acd478c): __window_end BIGINT, __rows BIGINT, user_id BIGINT, count(*) BIGINT, max(price) DOUBLE, "last_value(name).time" TIMESTAMP, "last_value(name).partition" INT, "last_value(name).position" BIGINT, "last_value(name).value" VARCHAR
state of counts.window in stage 1: (window_end TUMBLE(10000 ms), user_id BIGINT) -> (count(*) BIGINT, max(price) DOUBLE, last_value(name).time TIMESTAMP, last_value(name).partition INT, last_value(name).position BIGINT, last_value(name).value VARCHAR)
sink counts (topic counts-topic): user_id BIGINT, window_start TIMESTAMP, n BIGINT, top DOUBLE, key VARCHAR key (user_id)
--------
CREATE VIEW v AS SELECT user_id, window_start AS opened, window_time AS at, count(*) AS n, sum(price) AS total
FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY user_id, window_start, window_end, window_time;
INSERT INTO out SELECT window_start, window_end, count(*) AS users, max(n) AS most, sum(total) AS total
FROM TUMBLE(TABLE v, DESCRIPTOR(at), INTERVAL '1' MINUTE) WHERE n > 1 GROUP BY window_start, window_end HAVING max(n) > 2
=>
plan f7734df65c4b2eff
source clicks (topic clicks-topic): user_id BIGINT, event_time TIMESTAMP, price DOUBLE
  watermark event_time - 5000 ms, idle after 30000 ms
stage 0 reads source clicks
  - project event_time, user_id, price AS __argument_1
    partial out.v.window TUMBLE(10000 ms) keys (user_id) aggregates (count(*), sum(price))
    send to exchange out.v.window
stage 1 reads exchange out.v.window
  - merge out.v.window TUMBLE(10000 ms) keys (user_id) aggregates (count(*), sum(price))
    filter (count(*) > 1)
    project window_time, count(*) AS __argument_1, sum(price) AS __argument_2
    partial out.window TUMBLE(60000 ms) keys () aggregates (count(*), max(count(*)), sum(sum(price)))
    send to exchange out.window
stage 2 reads exchange out.window
  - merge out.window TUMBLE(60000 ms) keys () aggregates (count(*), max(count(*)), sum(sum(price)))
    filter (max(count(*)) > 2)
    project window_start, window_end, count(*) AS users, max(count(*)) AS most, sum(sum(price)) AS total
    write out
exchange out.window (16 partitions, 0f9bfad28346a4eb): __window_end BIGINT, __rows BIGINT, count(*) BIGINT, max(count(*)) BIGINT, sum(sum(price)) DOUBLE
exchange out.v.window (16 partitions, aeb11f312c5bdfdb): __window_end BIGINT, __rows BIGINT, user_id BIGINT, count(*) BIGINT, sum(price) DOUBLE
state of out.v.window in stage 1: (window_end TUMBLE(10000 ms), user_id BIGINT) -> (count(*) BIGINT, sum(price) DOUBLE)
state of out.window in stage 2: (window_end TUMBLE(60000 ms)) -> (count(*) BIGINT, max(count(*)) BIGINT, sum(sum(price)) DOUBLE)
sink out (topic out-topic): window_start TIMESTAMP, window_end TIMESTAMP, users BIGINT, most BIGINT, total DOUBLE
--------
CREATE VIEW v AS SELECT user_id, window_start AS opened, window_time AS at, count(*) AS n, sum(price) AS total
FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY user_id, window_start, window_end, window_time;
INSERT INTO counts SELECT user_id, opened, n FROM v WHERE total > 2
=>
plan 787d08cf5989c61d
source clicks (topic clicks-topic): user_id BIGINT, event_time TIMESTAMP, price DOUBLE
  watermark event_time - 5000 ms, idle after 30000 ms
stage 0 reads source clicks
  - project event_time, user_id, price AS __argument_1
    partial counts.v.window TUMBLE(10000 ms) keys (user_id) aggregates (count(*), sum(price))
    send to exchange counts.v.window
stage 1 reads exchange counts.v.window
  - merge counts.v.window TUMBLE(10000 ms) keys (user_id) aggregates (count(*), sum(price))
    filter (sum(price) > 2.0)
    project user_id, window_start AS opened, count(*) AS n
    write counts
exchange counts.v.window (16 partitions, 437d820eb5d3e162): __window_end BIGINT, __rows BIGINT, user_id BIGINT, count(*) BIGINT, sum(price) DOUBLE
state of counts.v.window in stage 1: (window_end TUMBLE(10000 ms), user_id BIGINT) -> (count(*) BIGINT, sum(price) DOUBLE)
sink counts (topic counts-topic): user_id BIGINT, opened TIMESTAMP, n BIGINT key (user_id)
--------
CREATE VIEW v AS SELECT user_id, window_start AS opened, window_time AS at, count(*) AS n, sum(price) AS total
FROM TUMBLE(TABLE visits, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY user_id, window_start, window_end, window_time;
INSERT INTO counts SELECT user_id, window_end, sum(n) AS n, max(total) AS top
FROM HOP(TABLE v, DESCRIPTOR(at), INTERVAL '15' SECOND, INTERVAL '1' MINUTE) GROUP BY user_id, window_start, window_end
=>
plan 480641f6d59de2ff
source visits (topic visits-topic): user_id BIGINT, event_time TIMESTAMP, price DOUBLE
  watermark event_time - 5000 ms, never idle
stage 0 reads source visits
  - project event_time, user_id, price AS __argument_1
    window counts.v.window TUMBLE(10000 ms) keys (user_id) aggregates (count(*), sum(price))
    project window_time, user_id, count(*) AS __argument_0, sum(price) AS __argument_1
    partial counts.window HOP(15000 ms, 60000 ms) keys (user_id) aggregates (sum(count(*)), max(sum(price)))
    send to exchange counts.window
stage 1 reads exchange counts.window
  - merge counts.window HOP(15000 ms, 60000 ms) keys (user_id) aggregates (sum(count(*)), max(sum(price)))
    project user_id, window_end, sum(count(*)) AS n, max(sum(price)) AS top
    write counts
exchange counts.window (16 partitions, b960432d08ef5c02): __pane_end BIGINT, __first_window_end BIGINT, __rows BIGINT, user_id BIGINT, sum(count(*)) BIGINT, max(sum(price)) DOUBLE
state of counts.v.window in stage 0: (window_end TUMBLE(10000 ms), user_id BIGINT) -> (count(*) BIGINT, sum(price) DOUBLE)
state of counts.window in stage 1: (pane_end HOP(15000 ms, 60000 ms), first_window_end HOP(15000 ms, 60000 ms), user_id BIGINT) -> (sum(count(*)) BIGINT, max(sum(price)) DOUBLE)
sink counts (topic counts-topic): user_id BIGINT, window_end TIMESTAMP, n BIGINT, top DOUBLE key (user_id)
--------
CREATE VIEW s AS SELECT user_id, window_end AS until, window_time AS at, count(*) AS n
FROM SESSION(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '5' SECOND)
GROUP BY user_id, window_start, window_end, window_time;
CREATE VIEW long AS SELECT at, n * 2 AS twice, until FROM s WHERE n > 1;
INSERT INTO out SELECT window_start, count(*) AS sessions, max(twice) AS most, max(until) AS last
FROM CUMULATE(TABLE long, DESCRIPTOR(at), INTERVAL '30' SECOND, INTERVAL '2' MINUTE) GROUP BY window_start, window_end
=>
plan e5f3d6b513927548
source clicks (topic clicks-topic): user_id BIGINT, event_time TIMESTAMP
  watermark event_time - 5000 ms, idle after 30000 ms
stage 0 reads source clicks
  - project event_time, user_id
    partial out.s.window SESSION(5000 ms) keys (user_id) aggregates (count(*))
    send to exchange out.s.window
stage 1 reads exchange out.s.window
  - merge out.s.window SESSION(5000 ms) keys (user_id) aggregates (count(*))
    filter (count(*) > 1)
    project window_time, (count(*) * 2) AS __argument_1, window_end AS __argument_2
    partial out.window CUMULATE(30000 ms, 120000 ms) keys () aggregates (count(*), max((count(*) * 2)), max(window_end))
    send to exchange out.window
stage 2 reads exchange out.window
  - merge out.window CUMULATE(30000 ms, 120000 ms) keys () aggregates (count(*), max((count(*) * 2)), max(window_end))
    project window_start, count(*) AS sessions, max((count(*) * 2)) AS most, max(window_end) AS last
    write out
exchange out.window (16 partitions, 33f48956ae53faa8): __pane_end BIGINT, __first_window_end BIGINT, __rows BIGINT, count(*) BIGINT, max((count(*) * 2)) BIGINT, max(window_end) TIMESTAMP
exchange out.s.window (16 partitions, ff0d3cfa60b0bb4a): __window_end BIGINT, __window_start BIGINT, __rows BIGINT, user_id BIGINT, count(*) BIGINT
state of out.s.window in stage 1: (window_end SESSION(5000 ms), user_id BIGINT) -> (window_start TIMESTAMP, count(*) BIGINT)
state of out.window in stage 2: (pane_end CUMULATE(30000 ms, 120000 ms), first_window_end CUMULATE(30000 ms, 120000 ms)) -> (count(*) BIGINT, max((count(*) * 2)) BIGINT, max(window_end) TIMESTAMP)
sink out (topic out-topic): window_start TIMESTAMP, sessions BIGINT, most BIGINT, last TIMESTAMP
--------
CREATE VIEW v AS SELECT user_id, window_start AS opened, window_time AS at, count(*) AS n, sum(price) AS total
FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY user_id, window_start, window_end, window_time;
CREATE VIEW w AS SELECT user_id, window_time AS later, max(n) AS most
FROM SESSION(TABLE v, DESCRIPTOR(at), INTERVAL '10' SECOND) GROUP BY user_id, window_start, window_end, window_time;
INSERT INTO out SELECT window_end, count(*) AS bursts, sum(most) AS most
FROM TUMBLE(TABLE w, DESCRIPTOR(later), INTERVAL '2' MINUTE) GROUP BY window_start, window_end
=>
plan 78a98eba2a974cdc
source clicks (topic clicks-topic): user_id BIGINT, event_time TIMESTAMP, price DOUBLE
  watermark event_time - 5000 ms, idle after 30000 ms
stage 0 reads source clicks
  - project event_time, user_id, price AS __argument_1
    partial out.v.window TUMBLE(10000 ms) keys (user_id) aggregates (count(*), sum(price))
    send to exchange out.v.window
stage 1 reads exchange out.v.window
  - merge out.v.window TUMBLE(10000 ms) keys (user_id) aggregates (count(*), sum(price))
    project window_time, user_id, count(*) AS __argument_0
    partial out.w.window SESSION(10000 ms) keys (user_id) aggregates (max(count(*)))
    send to exchange out.w.window
stage 2 reads exchange out.w.window
  - merge out.w.window SESSION(10000 ms) keys (user_id) aggregates (max(count(*)))
    project window_time, max(count(*)) AS __argument_1
    partial out.window TUMBLE(120000 ms) keys () aggregates (count(*), sum(max(count(*))))
    send to exchange out.window
stage 3 reads exchange out.window
  - merge out.window TUMBLE(120000 ms) keys () aggregates (count(*), sum(max(count(*))))
    project window_end, count(*) AS bursts, sum(max(count(*))) AS most
    write out
exchange out.window (16 partitions, 37d1cdee8db16601): __window_end BIGINT, __rows BIGINT, count(*) BIGINT, sum(max(count(*))) BIGINT
exchange out.w.window (16 partitions, 4628ccb2f0ce6280): __window_end BIGINT, __window_start BIGINT, __rows BIGINT, user_id BIGINT, max(count(*)) BIGINT
exchange out.v.window (16 partitions, aeb11f312c5bdfdb): __window_end BIGINT, __rows BIGINT, user_id BIGINT, count(*) BIGINT, sum(price) DOUBLE
state of out.v.window in stage 1: (window_end TUMBLE(10000 ms), user_id BIGINT) -> (count(*) BIGINT, sum(price) DOUBLE)
state of out.w.window in stage 2: (window_end SESSION(10000 ms), user_id BIGINT) -> (window_start TIMESTAMP, max(count(*)) BIGINT)
state of out.window in stage 3: (window_end TUMBLE(120000 ms)) -> (count(*) BIGINT, sum(max(count(*))) BIGINT)
sink out (topic out-topic): window_end TIMESTAMP, bursts BIGINT, most BIGINT
--------
CREATE VIEW v AS SELECT user_id, window_start AS opened, window_time AS at, count(*) AS n, sum(price) AS total
FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY user_id, window_start, window_end, window_time;
INSERT INTO out SELECT window_start, avg(total) AS mean FROM TUMBLE(TABLE v, DESCRIPTOR(at), INTERVAL '1' MINUTE)
GROUP BY window_start, window_end;
INSERT INTO other SELECT user_id, window_start, window_end, count(*) AS tens
FROM SESSION(TABLE v, DESCRIPTOR(at), INTERVAL '10' SECOND) GROUP BY user_id, window_start, window_end;
INSERT INTO counts SELECT user_id, window_start, count(*) AS n
FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND) GROUP BY user_id, window_start, window_end
=>
plan 514f4a8fb1afa594
source clicks (topic clicks-topic): user_id BIGINT, event_time TIMESTAMP, price DOUBLE
  watermark event_time - 5000 ms, idle after 30000 ms
stage 0 reads source clicks
  - project event_time, user_id
    partial counts.window TUMBLE(10000 ms) keys (user_id) aggregates (count(*))
    send to exchange counts.window
  - project event_time, user_id, price AS __argument_1
    partial other.v.window TUMBLE(10000 ms) keys (user_id) aggregates (count(*), sum(price))
    send to exchange other.v.window
  - project event_time, user_id, price AS __argument_1
    partial out.v.window TUMBLE(10000 ms) keys (user_id) aggregates (count(*), sum(price))
    send to exchange out.v.window
stage 1 reads exchange counts.window
  - merge counts.window TUMBLE(10000 ms) keys (user_id) aggregates (count(*))
    project user_id, window_start, count(*) AS n
    write counts
stage 1 reads exchange other.v.window
  - merge other.v.window TUMBLE(10000 ms) keys (user_id) aggregates (count(*), sum(price))
    project window_time, user_id
    partial other.window SESSION(10000 ms) keys (user_id) aggregates (count(*))
    send to exchange other.window
stage 1 reads exchange out.v.window
  - merge out.v.window TUMBLE(10000 ms) keys (user_id) aggregates (count(*), sum(price))
    project window_time, sum(price) AS __argument_0
    partial out.window TUMBLE(60000 ms) keys () aggregates (avg(sum(price)))
    send to exchange out.window
stage 2 reads exchange other.window
  - merge other.window SESSION(10000 ms) keys (user_id) aggregates (count(*))
    project user_id, window_start, window_end, count(*) AS tens
    write other
stage 2 reads exchange out.window
  - merge out.window TUMBLE(60000 ms) keys () aggregates (avg(sum(price)))
    project window_start, avg(sum(price)) AS mean
    write out
exchange counts.window (16 partitions, 9cfef0fc290e2b15): __window_end BIGINT, __rows BIGINT, user_id BIGINT, count(*) BIGINT
exchange other.window (16 partitions, 0cb42c5f447f9e4b): __window_end BIGINT, __window_start BIGINT, __rows BIGINT, user_id BIGINT, count(*) BIGINT
exchange other.v.window (16 partitions, c63561a81d5b04ef): __window_end BIGINT, __rows BIGINT, user_id BIGINT, count(*) BIGINT, sum(price) DOUBLE
exchange out.window (16 partitions, 52c4cb34cb94ce52): __window_end BIGINT, __rows BIGINT, "avg(sum(price)).sum" DOUBLE, "avg(sum(price)).count" BIGINT
exchange out.v.window (16 partitions, aeb11f312c5bdfdb): __window_end BIGINT, __rows BIGINT, user_id BIGINT, count(*) BIGINT, sum(price) DOUBLE
state of counts.window in stage 1: (window_end TUMBLE(10000 ms), user_id BIGINT) -> (count(*) BIGINT)
state of other.v.window in stage 1: (window_end TUMBLE(10000 ms), user_id BIGINT) -> (count(*) BIGINT, sum(price) DOUBLE)
state of out.v.window in stage 1: (window_end TUMBLE(10000 ms), user_id BIGINT) -> (count(*) BIGINT, sum(price) DOUBLE)
state of other.window in stage 2: (window_end SESSION(10000 ms), user_id BIGINT) -> (window_start TIMESTAMP, count(*) BIGINT)
state of out.window in stage 2: (window_end TUMBLE(60000 ms)) -> (avg(sum(price)).sum DOUBLE, avg(sum(price)).count BIGINT)
sink counts (topic counts-topic): user_id BIGINT, window_start TIMESTAMP, n BIGINT key (user_id)
sink other (topic other-topic): user_id BIGINT, window_start TIMESTAMP, window_end TIMESTAMP, tens BIGINT
sink out (topic out-topic): window_start TIMESTAMP, mean DOUBLE
--------
INSERT INTO counts SELECT user_id, count(*) AS n, max(price) AS top, sum(quantity) AS q FROM clicks
GROUP BY user_id EMIT CHANGES STATE TTL NONE
=>
plan fd9239f04e5e5f85
source clicks (topic clicks-topic): user_id BIGINT, event_time TIMESTAMP, price DOUBLE, quantity INT
  watermark event_time - 5000 ms, idle after 30000 ms
stage 0 reads source clicks
  - project event_time, user_id, price AS __argument_1, CAST(quantity AS BIGINT) AS __argument_2
    partial counts.group ALL keys (user_id) aggregates (count(*), max(price), sum(quantity))
    send to exchange counts.group
stage 1 reads exchange counts.group
  - merge counts.group ALL keys (user_id) aggregates (count(*), max(price), sum(quantity))
    emit changes
    project user_id, count(*) AS n, max(price) AS top, sum(quantity) AS q
    write counts
exchange counts.group (16 partitions, 5414a406d4c7e1a9): __window_end BIGINT, __rows BIGINT, user_id BIGINT, count(*) BIGINT, max(price) DOUBLE, sum(quantity) BIGINT
state of counts.group in stage 1: (window_end ALL changes, user_id BIGINT) -> (count(*) BIGINT, max(price) DOUBLE, sum(quantity) BIGINT)
sink counts (topic counts-topic): user_id BIGINT, n BIGINT, top DOUBLE, q BIGINT key (user_id)
--------
INSERT INTO counts SELECT user_id, count(*) AS n, sum(price) AS total, last_value(name) AS who FROM visits
WHERE quantity > 1 GROUP BY user_id HAVING count(*) > 20
STATE TTL NONE EMIT CHANGES
=>
plan 4cef72f599de0ccc
source visits (topic visits-topic): user_id BIGINT, name VARCHAR, event_time TIMESTAMP, price DOUBLE, quantity INT
  watermark event_time - 5000 ms, never idle
stage 0 reads source visits
  - filter (quantity > INT '1')
    project event_time, user_id, price AS __argument_1, name AS __argument_2
    window counts.group ALL keys (user_id) aggregates (count(*), sum(price), last_value(name))
    emit changes
    filter (count(*) > 20)
    project user_id, count(*) AS n, sum(price) AS total, last_value(name) AS who
    write counts
state of counts.group in stage 0: (window_end ALL changes, user_id BIGINT) -> (count(*) BIGINT, sum(price) DOUBLE, last_value(name).time TIMESTAMP, last_value(name).partition INT, last_value(name).position BIGINT, last_value(name).value VARCHAR)
sink counts (topic counts-topic): user_id BIGINT, n BIGINT, total DOUBLE, who VARCHAR key (user_id)
--------
INSERT INTO counts SELECT user_id, count(*) AS n, avg(price) AS mean, array_agg(quantity LIMIT 3) AS some FROM clicks
GROUP BY user_id HAVING max(price) > 3 EMIT CHANGES STATE TTL INTERVAL '20' SECOND
=>
plan f7690088f7331ec4
source clicks (topic clicks-topic): user_id BIGINT, event_time TIMESTAMP, price DOUBLE, quantity INT
  watermark event_time - 5000 ms, idle after 30000 ms
stage 0 reads source clicks
  - project event_time, user_id, price AS __argument_1, quantity AS __argument_2
    partial counts.group LIFE(20000 ms) keys (user_id) aggregates (count(*), avg(price), array_agg(quantity LIMIT 3), max(price))
    send to exchange counts.group
stage 1 reads exchange counts.group
  - merge counts.group LIFE(20000 ms) keys (user_id) aggregates (count(*), avg(price), array_agg(quantity LIMIT 3), max(price))
    emit changes
    filter (max(price) > 3.0)
    project user_id, count(*) AS n, avg(price) AS mean, array_agg(quantity LIMIT 3) AS some
    write counts
exchange counts.group (16 partitions, 878f5c8dc379543d): __window_end BIGINT, __window_start BIGINT, __rows BIGINT, user_id BIGINT, count(*) BIGINT, "avg(price).sum" DOUBLE, "avg(price).count" BIGINT, "array_agg(quantity LIMIT 3) of INT" BYTES, max(price) DOUBLE
state of counts.group in stage 1: (window_end LIFE(20000 ms) changes, user_id BIGINT) -> (window_start TIMESTAMP, count(*) BIGINT, avg(price).sum DOUBLE, avg(price).count BIGINT, array_agg(quantity LIMIT 3) of INT BYTES, max(price) DOUBLE)
sink counts (topic counts-topic): user_id BIGINT, n BIGINT, mean DOUBLE, some ARRAY<INT> key (user_id)
--------
CREATE VIEW v AS SELECT name, quantity > 2 AS large, price, event_time FROM clicks;
INSERT INTO names SELECT name, large, CASE WHEN count(*) > 3 THEN 'many' ELSE 'few' END AS size, count(DISTINCT price) AS prices
FROM v GROUP BY name, large EMIT CHANGES STATE TTL INTERVAL '30' DAY LATE ROWS INTO late
=>
plan e73d96cf752d5941
source clicks (topic clicks-topic): name VARCHAR, event_time TIMESTAMP, price DOUBLE, quantity INT
  watermark event_time - 5000 ms, idle after 30000 ms
stage 0 reads source clicks
  - project event_time, name, (quantity > INT '2'), price AS __argument_1, name AS __late_name, (quantity > INT '2') AS __late_large, price AS __late_price, event_time AS __late_event_time
    rows for names.group LIFE(2592000000 ms) keys (name, (quantity > INT '2')) aggregates (count(*), count(DISTINCT price))
    late rows to late
    send to exchange names.group
stage 1 reads exchange names.group
  - merge names.group LIFE(2592000000 ms) keys (name, (quantity > INT '2')) aggregates (count(*), count(DISTINCT price))
    late rows to late
    emit changes
    project name, (quantity > INT '2') AS large, CASE WHEN (count(*) > 3) THEN 'many' ELSE 'few' END AS size, count(DISTINCT price) AS prices
    write names
exchange names.group (16 partitions, b972581c907b315a): __window_end BIGINT, __window_start BIGINT, __rows BIGINT, name VARCHAR, (quantity > INT '2') BOOLEAN, count(*) BIGINT, "count(DISTINCT price) of DOUBLE" BYTES, __late_name VARCHAR, __late_large BOOLEAN, __late_price DOUBLE, __late_event_time TIMESTAMP
state of names.group in stage 1: (window_end LIFE(2592000000 ms) changes, name VARCHAR, (quantity > INT '2') BOOLEAN) -> (window_start TIMESTAMP, count(*) BIGINT, count(DISTINCT price) of DOUBLE BYTES)
sink late (topic late-topic): name VARCHAR, large BOOLEAN, price DOUBLE, event_time TIMESTAMP, late_reason VARCHAR, window_start TIMESTAMP, window_end TIMESTAMP, late_by BIGINT
sink names (topic names-topic): name VARCHAR, large BOOLEAN, size VARCHAR, prices BIGINT key (name, large)
--------
INSERT INTO counts SELECT user_id, sum(amount) AS total FROM plain GROUP BY user_id EMIT CHANGES STATE TTL NONE
=>
plan 0262f87368e89409
source plain (topic plain-topic): user_id BIGINT, amount DECIMAL(10, 2)
stage 0 reads source plain
  - project TIMESTAMP '0' AS __event_time, user_id, amount AS __argument_0
    partial counts.group ALL keys (user_id) aggregates (sum(amount))
    send to exchange counts.group
stage 1 reads exchange counts.group
  - merge counts.group ALL keys (user_id) aggregates (sum(amount))
    emit changes
    project user_id, sum(amount) AS total
    write counts
exchange counts.group (16 partitions, 848df8ccdfcd91b3): __window_end BIGINT, __rows BIGINT, user_id BIGINT, sum(amount) DECIMAL(38, 2)
state of counts.group in stage 1: (window_end ALL changes, user_id BIGINT) -> (sum(amount) DECIMAL(38, 2))
sink counts (topic counts-topic): user_id BIGINT, total DECIMAL(38, 2) key (user_id)
--------
INSERT INTO windows SELECT user_id, window_end, count(*) AS n, sum(price) AS total
FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY user_id, window_start, window_end HAVING count(*) > 1
EMIT CHANGES
=>
plan 7a1fa15a072070bc
source clicks (topic clicks-topic): user_id BIGINT, event_time TIMESTAMP, price DOUBLE
  watermark event_time - 5000 ms, idle after 30000 ms
stage 0 reads source clicks
  - project event_time, user_id, price AS __argument_1
    partial windows.window TUMBLE(10000 ms) keys (user_id) aggregates (count(*), sum(price))
    send to exchange windows.window
stage 1 reads exchange windows.window
  - merge windows.window TUMBLE(10000 ms) keys (user_id) aggregates (count(*), sum(price))
    emit changes
    filter (count(*) > 1)
    project user_id, window_end, count(*) AS n, sum(price) AS total
    write windows
exchange windows.window (16 partitions, df5090def96d0335): __window_end BIGINT, __rows BIGINT, user_id BIGINT, count(*) BIGINT, sum(price) DOUBLE
state of windows.window in stage 1: (window_end TUMBLE(10000 ms) changes, user_id BIGINT) -> (count(*) BIGINT, sum(price) DOUBLE)
sink windows (topic windows-topic): user_id BIGINT, window_end TIMESTAMP, n BIGINT, total DOUBLE key (user_id, window_end)
--------
INSERT INTO windows SELECT user_id, window_end, count(*) AS n, stddev(price) AS spread
FROM HOP(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '2' SECOND, INTERVAL '40' SECOND)
GROUP BY user_id, window_start, window_end
EMIT CHANGES ALLOWED LATENESS INTERVAL '10' SECOND LATE ROWS INTO late
=>
plan 6d300b00c84059a1
source clicks (topic clicks-topic): user_id BIGINT, name VARCHAR, event_time TIMESTAMP, price DOUBLE, quantity INT, amount DECIMAL(10, 2), ok BOOLEAN
  watermark event_time - 5000 ms, idle after 30000 ms
stage 0 reads source clicks
  - project event_time, user_id, price AS __argument_1, user_id AS __late_user_id, name AS __late_name, event_time AS __late_event_time, price AS __late_price, quantity AS __late_quantity, amount AS __late_amount, ok AS __late_ok
    rows for windows.window HOP(2000 ms, 40000 ms) lateness 10000 ms keys (user_id) aggregates (count(*), stddev_samp(price))
    late rows to late
    send to exchange windows.window
stage 1 reads exchange windows.window
  - merge windows.window HOP(2000 ms, 40000 ms) lateness 10000 ms keys (user_id) aggregates (count(*), stddev_samp(price))
    late rows to late
    emit changes
    project user_id, window_end, count(*) AS n, stddev_samp(price) AS spread
    write windows
exchange windows.window (16 partitions, a6b123608939dc36): __pane_end BIGINT, __first_window_end BIGINT, __rows BIGINT, user_id BIGINT, count(*) BIGINT, "stddev_samp(price).count" BIGINT, "stddev_samp(price).mean" DOUBLE, "stddev_samp(price).squares" DOUBLE, __late_user_id BIGINT, __late_name VARCHAR, __late_event_time TIMESTAMP, __late_price DOUBLE, __late_quantity INT, __late_amount DECIMAL(10, 2), __late_ok BOOLEAN
state of windows.window in stage 1: (pane_end HOP(2000 ms, 40000 ms) lateness 10000 ms changes, first_window_end HOP(2000 ms, 40000 ms) lateness 10000 ms changes, user_id BIGINT) -> (count(*) BIGINT, stddev_samp(price).count BIGINT, stddev_samp(price).mean DOUBLE, stddev_samp(price).squares DOUBLE)
sink late (topic late-topic): user_id BIGINT, name VARCHAR, event_time TIMESTAMP, price DOUBLE, quantity INT, amount DECIMAL(10, 2), ok BOOLEAN, late_reason VARCHAR, window_start TIMESTAMP, window_end TIMESTAMP, late_by BIGINT
sink windows (topic windows-topic): user_id BIGINT, window_end TIMESTAMP, n BIGINT, spread DOUBLE key (user_id, window_end)
--------
INSERT INTO windows SELECT user_id, window_end, sum(quantity) AS q
FROM HOP(TABLE visits, DESCRIPTOR(event_time), INTERVAL '1' SECOND, INTERVAL '30' SECOND)
GROUP BY user_id, window_start, window_end
EMIT CHANGES
=>
plan 98b843ea0586feb3
source visits (topic visits-topic): user_id BIGINT, event_time TIMESTAMP, quantity INT
  watermark event_time - 5000 ms, never idle
stage 0 reads source visits
  - project event_time, user_id, CAST(quantity AS BIGINT) AS __argument_0
    window windows.window HOP(1000 ms, 30000 ms) keys (user_id) aggregates (sum(quantity))
    emit changes
    project user_id, window_end, sum(quantity) AS q
    write windows
state of windows.window in stage 0: (pane_end HOP(1000 ms, 30000 ms) changes, first_window_end HOP(1000 ms, 30000 ms) changes, user_id BIGINT) -> (sum(quantity) BIGINT)
sink windows (topic windows-topic): user_id BIGINT, window_end TIMESTAMP, q BIGINT key (user_id, window_end)
--------
INSERT INTO windows SELECT user_id, window_end, max(price) AS top
FROM CUMULATE(TABLE visits, DESCRIPTOR(event_time), INTERVAL '5' SECOND, INTERVAL '20' SECOND)
GROUP BY user_id, window_start, window_end
EMIT CHANGES
=>
plan 528ad2abc993bde3
source visits (topic visits-topic): user_id BIGINT, event_time TIMESTAMP, price DOUBLE
  watermark event_time - 5000 ms, never idle
stage 0 reads source visits
  - project event_time, user_id, price AS __argument_0
    window windows.window CUMULATE(5000 ms, 20000 ms) keys (user_id) aggregates (max(price))
    emit changes
    project user_id, window_end, max(price) AS top
    write windows
state of windows.window in stage 0: (pane_end CUMULATE(5000 ms, 20000 ms) changes, first_window_end CUMULATE(5000 ms, 20000 ms) changes, user_id BIGINT) -> (max(price) DOUBLE)
sink windows (topic windows-topic): user_id BIGINT, window_end TIMESTAMP, top DOUBLE key (user_id, window_end)
--------
INSERT INTO out SELECT window_end, count(*) AS n
FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY window_start, window_end
EMIT ON WINDOW CLOSE
=>
plan 4e749490a102c455
source clicks (topic clicks-topic): event_time TIMESTAMP
  watermark event_time - 5000 ms, idle after 30000 ms
stage 0 reads source clicks
  - project event_time
    partial out.window TUMBLE(10000 ms) keys () aggregates (count(*))
    send to exchange out.window
stage 1 reads exchange out.window
  - merge out.window TUMBLE(10000 ms) keys () aggregates (count(*))
    project window_end, count(*) AS n
    write out
exchange out.window (16 partitions, 31153fea0bd0f5f0): __window_end BIGINT, __rows BIGINT, count(*) BIGINT
state of out.window in stage 1: (window_end TUMBLE(10000 ms)) -> (count(*) BIGINT)
sink out (topic out-topic): window_end TIMESTAMP, n BIGINT
--------
INSERT INTO out SELECT user_id, name, price, event_time
FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY event_time) AS n FROM clicks) WHERE n = 1
STATE TTL NONE
=>
plan 8089e07141ecdf39
source clicks (topic clicks-topic): user_id BIGINT, name VARCHAR, event_time TIMESTAMP, price DOUBLE
  watermark event_time - 5000 ms, idle after 30000 ms
stage 0 reads source clicks
  - project event_time, user_id, name AS __argument_0, event_time AS __argument_1, price AS __argument_2
    partial out.first FIRST keys (user_id) aggregates (first_row(name), first_row(event_time), first_row(price))
    send to exchange out.first
stage 1 reads exchange out.first
  - merge out.first FIRST keys (user_id) aggregates (first_row(name), first_row(event_time), first_row(price))
    project user_id, first_row(name) AS name, first_row(price) AS price, first_row(event_time) AS event_time
    write out
exchange out.first (16 partitions, a864622dc84e6545): __window_end BIGINT, __window_start BIGINT, __rows BIGINT, user_id BIGINT, "first_row(name).time" TIMESTAMP, "first_row(name).partition" INT, "first_row(name).position" BIGINT, "first_row(name).value" VARCHAR, "first_row(event_time).time" TIMESTAMP, "first_row(event_time).partition" INT, "first_row(event_time).position" BIGINT, "first_row(event_time).value" TIMESTAMP, "first_row(price).time" TIMESTAMP, "first_row(price).partition" INT, "first_row(price).position" BIGINT, "first_row(price).value" DOUBLE
state of out.first in stage 1: (window_end FIRST, user_id BIGINT) -> (window_start TIMESTAMP, first_row(name).time TIMESTAMP, first_row(name).partition INT, first_row(name).position BIGINT, first_row(name).value VARCHAR, first_row(event_time).time TIMESTAMP, first_row(event_time).partition INT, first_row(event_time).position BIGINT, first_row(event_time).value TIMESTAMP, first_row(price).time TIMESTAMP, first_row(price).partition INT, first_row(price).position BIGINT, first_row(price).value DOUBLE)
sink out (topic out-topic): user_id BIGINT, name VARCHAR, price DOUBLE, event_time TIMESTAMP
--------
INSERT INTO out SELECT r.user_id, r.quantity * 2 AS twice, r.who
FROM (SELECT user_id, quantity, upper(name) AS who, row_number() OVER (PARTITION BY user_id, name ORDER BY event_time ASC) AS n
  FROM clicks WHERE price > 1) AS r
WHERE r.quantity > 1 AND n = 1
STATE TTL INTERVAL '10' SECOND LATE ROWS INTO late
=>
plan 873eb95f1913121c
source clicks (topic clicks-topic): user_id BIGINT, name VARCHAR, event_time TIMESTAMP, price DOUBLE, quantity INT, amount DECIMAL(10, 2), ok BOOLEAN
  watermark event_time - 5000 ms, idle after 30000 ms
stage 0 reads source clicks
  - filter (price > 1.0)
    project event_time, user_id, name, quantity AS __argument_0, upper(name) AS __argument_1, user_id AS __late_user_id, name AS __late_name, event_time AS __late_event_time, price AS __late_price, quantity AS __late_quantity, amount AS __late_amount, ok AS __late_ok
    rows for out.first FIRST(10000 ms) keys (user_id, name) aggregates (first_row(quantity), first_row(upper(name)))
    late rows to late
    send to exchange out.first
stage 1 reads exchange out.first
  - merge out.first FIRST(10000 ms) keys (user_id, name) aggregates (first_row(quantity), first_row(upper(name)))
    late rows to late
    filter (first_row(quantity) > INT '1')
    project user_id, (CAST(first_row(quantity) AS BIGINT) * 2) AS twice, first_row(upper(name)) AS who
    write out
exchange out.first (16 partitions, c34ed64708fa79ec): __window_end BIGINT, __window_start BIGINT, __rows BIGINT, user_id BIGINT, name VARCHAR, "first_row(quantity).time" TIMESTAMP, "first_row(quantity).partition" INT, "first_row(quantity).position" BIGINT, "first_row(quantity).value" INT, "first_row(upper(name)).time" TIMESTAMP, "first_row(upper(name)).partition" INT, "first_row(upper(name)).position" BIGINT, "first_row(upper(name)).value" VARCHAR, __late_user_id BIGINT, __late_name VARCHAR, __late_event_time TIMESTAMP, __late_price DOUBLE, __late_quantity INT, __late_amount DECIMAL(10, 2), __late_ok BOOLEAN
state of out.first in stage 1: (window_end FIRST(10000 ms), user_id BIGINT, name VARCHAR) -> (window_start TIMESTAMP, first_row(quantity).time TIMESTAMP, first_row(quantity).partition INT, first_row(quantity).position BIGINT, first_row(quantity).value INT, first_row(upper(name)).time TIMESTAMP, first_row(upper(name)).partition INT, first_row(upper(name)).position BIGINT, first_row(upper(name)).value VARCHAR)
sink late (topic late-topic): user_id BIGINT, name VARCHAR, event_time TIMESTAMP, price DOUBLE, quantity INT, amount DECIMAL(10, 2), ok BOOLEAN, late_reason VARCHAR, window_start TIMESTAMP, window_end TIMESTAMP, late_by BIGINT
sink out (topic out-topic): user_id BIGINT, twice BIGINT, who VARCHAR
--------
INSERT INTO out SELECT * FROM (SELECT user_id, amount, ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY event_time) AS n FROM visits)
WHERE (1 = n) STATE TTL INTERVAL '1' MINUTE
=>
plan e4265d30f59ef876
source visits (topic visits-topic): user_id BIGINT, event_time TIMESTAMP, amount DECIMAL(10, 2)
  watermark event_time - 5000 ms, never idle
stage 0 reads source visits
  - project event_time, user_id, amount AS __argument_0
    window out.first FIRST(60000 ms) keys (user_id) aggregates (first_row(amount))
    project user_id, first_row(amount) AS amount
    write out
state of out.first in stage 0: (window_end FIRST(60000 ms), user_id BIGINT) -> (window_start TIMESTAMP, first_row(amount).time TIMESTAMP, first_row(amount).partition INT, first_row(amount).position BIGINT, first_row(amount).value DECIMAL(10, 2))
sink out (topic out-topic): user_id BIGINT, amount DECIMAL(10, 2)
--------
INSERT INTO counts SELECT user_id, name, price, ok
FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY event_time DESC) AS n FROM clicks) WHERE n = 1
EMIT CHANGES STATE TTL NONE
=>
plan 6a355a05f225b84e
source clicks (topic clicks-topic): user_id BIGINT, name VARCHAR, event_time TIMESTAMP, price DOUBLE, ok BOOLEAN
  watermark event_time - 5000 ms, idle after 30000 ms
stage 0 reads source clicks
  - project event_time, user_id, name AS __argument_0, price AS __argument_1, ok AS __argument_2
    partial counts.group ALL keys (user_id) aggregates (last_row(name), last_row(price), last_row(ok))
    send to exchange counts.group
stage 1 reads exchange counts.group
  - merge counts.group ALL keys (user_id) aggregates (last_row(name), last_row(price), last_row(ok))
    emit changes
    project user_id, last_row(name) AS name, last_row(price) AS price, last_row(ok) AS ok
    write counts
exchange counts.group (16 partitions, a6061915fe252928): __window_end BIGINT, __rows BIGINT, user_id BIGINT, "last_row(name).time" TIMESTAMP, "last_row(name).partition" INT, "last_row(name).position" BIGINT, "last_row(name).value" VARCHAR, "last_row(price).time" TIMESTAMP, "last_row(price).partition" INT, "last_row(price).position" BIGINT, "last_row(price).value" DOUBLE, "last_row(ok).time" TIMESTAMP, "last_row(ok).partition" INT, "last_row(ok).position" BIGINT, "last_row(ok).value" BOOLEAN
state of counts.group in stage 1: (window_end ALL changes, user_id BIGINT) -> (last_row(name).time TIMESTAMP, last_row(name).partition INT, last_row(name).position BIGINT, last_row(name).value VARCHAR, last_row(price).time TIMESTAMP, last_row(price).partition INT, last_row(price).position BIGINT, last_row(price).value DOUBLE, last_row(ok).time TIMESTAMP, last_row(ok).partition INT, last_row(ok).position BIGINT, last_row(ok).value BOOLEAN)
sink counts (topic counts-topic): user_id BIGINT, name VARCHAR, price DOUBLE, ok BOOLEAN key (user_id)
--------
INSERT INTO counts SELECT user_id, quantity
FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY event_time DESC) AS n FROM visits) WHERE n = 1 AND quantity < 4
EMIT CHANGES STATE TTL INTERVAL '15' SECOND
=>
plan 230a8d0994361543
source visits (topic visits-topic): user_id BIGINT, event_time TIMESTAMP, quantity INT
  watermark event_time - 5000 ms, never idle
stage 0 reads source visits
  - project event_time, user_id, quantity AS __argument_0
    window counts.group LIFE(15000 ms) keys (user_id) aggregates (last_row(quantity))
    emit changes
    filter (last_row(quantity) < INT '4')
    project user_id, last_row(quantity) AS quantity
    write counts
state of counts.group in stage 0: (window_end LIFE(15000 ms) changes, user_id BIGINT) -> (window_start TIMESTAMP, last_row(quantity).time TIMESTAMP, last_row(quantity).partition INT, last_row(quantity).position BIGINT, last_row(quantity).value INT)
sink counts (topic counts-topic): user_id BIGINT, quantity INT key (user_id)
--------
INSERT INTO out SELECT user_id, window_start, name, price, n
FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end, user_id ORDER BY price DESC) AS n
  FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND))
WHERE n <= 2
=>
plan 6b92bbd4b9b0eec0
source clicks (topic clicks-topic): user_id BIGINT, name VARCHAR, event_time TIMESTAMP, price DOUBLE
  watermark event_time - 5000 ms, idle after 30000 ms
stage 0 reads source clicks
  - project event_time, user_id, packed(price, name, price) AS __argument_0
    partial out.top TUMBLE(10000 ms) keys (user_id) aggregates (top(2 BY price DOUBLE DESC: row(name) VARCHAR, row(price) DOUBLE))
    send to exchange out.top
stage 1 reads exchange out.top
  - merge out.top TUMBLE(10000 ms) keys (user_id) aggregates (top(2 BY price DOUBLE DESC: row(name) VARCHAR, row(price) DOUBLE))
    unpack rows
    project user_id, window_start, row(name) AS name, row(price) AS price, row_number() AS n
    write out
exchange out.top (16 partitions, 94d4a159ed647269): __window_end BIGINT, __rows BIGINT, user_id BIGINT, top(2 BY price DOUBLE DESC: row(name) VARCHAR, row(price) DOUBLE) BYTES
state of out.top in stage 1: (window_end TUMBLE(10000 ms), user_id BIGINT) -> (top(2 BY price DOUBLE DESC: row(name) VARCHAR, row(price) DOUBLE) BYTES)
sink out (topic out-topic): user_id BIGINT, window_start TIMESTAMP, name VARCHAR, price DOUBLE, n BIGINT
--------
INSERT INTO out SELECT r.who, r.price * 2 AS twice, r.n + 0 AS place, r.window_end
FROM (SELECT upper(name) AS who, price, amount, window_end,
    ROW_NUMBER() OVER (PARTITION BY t.window_end, window_start, window_time ORDER BY quantity DESC, name NULLS LAST, ok) AS n
  FROM HOP(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '5' SECOND, INTERVAL '20' SECOND) AS t WHERE price > 1) AS r
WHERE 4 > r.n AND r.amount >= 2 AND (r.price < 8)
=>
plan 9e4146d4948b7d01
source clicks (topic clicks-topic): name VARCHAR, event_time TIMESTAMP, price DOUBLE, quantity INT, amount DECIMAL(10, 2), ok BOOLEAN
  watermark event_time - 5000 ms, idle after 30000 ms
stage 0 reads source clicks
  - filter (price > 1.0)
    project event_time, packed(quantity, name, ok, upper(name), price, amount) AS __argument_0
    partial out.top HOP(5000 ms, 20000 ms) keys () aggregates (top(3 BY quantity INT DESC, name VARCHAR NULLS LAST, ok BOOLEAN: row(upper(name)) VARCHAR, row(price) DOUBLE, row(amount) DECIMAL(10, 2)))
    send to exchange out.top
stage 1 reads exchange out.top
  - merge out.top HOP(5000 ms, 20000 ms) keys () aggregates (top(3 BY quantity INT DESC, name VARCHAR NULLS LAST, ok BOOLEAN: row(upper(name)) VARCHAR, row(price) DOUBLE, row(amount) DECIMAL(10, 2)))
    unpack rows
    filter ((row(amount) >= DECIMAL(10, 2) '2.00') AND (row(price) < 8.0))
    project row(upper(name)) AS who, (row(price) * 2.0) AS twice, (row_number() + 0) AS place, window_end
    write out
exchange out.top (16 partitions, 46c250fec6b5efc1): __pane_end BIGINT, __first_window_end BIGINT, __rows BIGINT, top(3 BY quantity INT DESC, name VARCHAR NULLS LAST, ok BOOLEAN: row(upper(name)) VARCHAR, row(price) DOUBLE, row(amount) DECIMAL(10, 2)) BYTES
state of out.top in stage 1: (pane_end HOP(5000 ms, 20000 ms), first_window_end HOP(5000 ms, 20000 ms)) -> (top(3 BY quantity INT DESC, name VARCHAR NULLS LAST, ok BOOLEAN: row(upper(name)) VARCHAR, row(price) DOUBLE, row(amount) DECIMAL(10, 2)) BYTES)
sink out (topic out-topic): who VARCHAR, twice DOUBLE, place BIGINT, window_end TIMESTAMP
--------
INSERT INTO out SELECT *
FROM (SELECT quantity, user_id, ok, ROW_NUMBER() OVER (PARTITION BY user_id, window_start, window_end ORDER BY name DESC NULLS FIRST, event_time) AS n
  FROM CUMULATE(TABLE visits, DESCRIPTOR(event_time), INTERVAL '5' SECOND, INTERVAL '20' SECOND))
WHERE n BETWEEN 2 AND 3
=>
plan 8747104e0216d536
source visits (topic visits-topic): user_id BIGINT, name VARCHAR, event_time TIMESTAMP, quantity INT, ok BOOLEAN
  watermark event_time - 5000 ms, never idle
stage 0 reads source visits
  - project event_time, user_id, packed(name, event_time, quantity, ok) AS __argument_0
    window out.top CUMULATE(5000 ms, 20000 ms) keys (user_id) aggregates (top(3 BY name VARCHAR DESC NULLS FIRST, event_time TIMESTAMP: row(quantity) INT, row(ok) BOOLEAN))
    unpack rows
    filter ((row_number() >= 2) AND (row_number() <= 3))
    project row(quantity) AS quantity, user_id, row(ok) AS ok, row_number() AS n
    write out
state of out.top in stage 0: (pane_end CUMULATE(5000 ms, 20000 ms), first_window_end CUMULATE(5000 ms, 20000 ms), user_id BIGINT) -> (top(3 BY name VARCHAR DESC NULLS FIRST, event_time TIMESTAMP: row(quantity) INT, row(ok) BOOLEAN) BYTES)
sink out (topic out-topic): quantity INT, user_id BIGINT, ok BOOLEAN, n BIGINT
--------
INSERT INTO out SELECT *
FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY user_id, window_start, window_end ORDER BY event_time DESC) AS n
  FROM SESSION(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '4' SECOND))
WHERE n = 1
=>
plan 7322f77157c3f081
source clicks (topic clicks-topic): user_id BIGINT, name VARCHAR, event_time TIMESTAMP, price DOUBLE, quantity INT, amount DECIMAL(10, 2), ok BOOLEAN
  watermark event_time - 5000 ms, idle after 30000 ms
stage 0 reads source clicks
  - project event_time, user_id, packed(event_time, name, event_time, price, quantity, amount, ok) AS __argument_0
    partial out.top SESSION(4000 ms) keys (user_id) aggregates (top(1 BY event_time TIMESTAMP DESC: row(name) VARCHAR, row(event_time) TIMESTAMP, row(price) DOUBLE, row(quantity) INT, row(amount) DECIMAL(10, 2), row(ok) BOOLEAN))
    send to exchange out.top
stage 1 reads exchange out.top
  - merge out.top SESSION(4000 ms) keys (user_id) aggregates (top(1 BY event_time TIMESTAMP DESC: row(name) VARCHAR, row(event_time) TIMESTAMP, row(price) DOUBLE, row(quantity) INT, row(amount) DECIMAL(10, 2), row(ok) BOOLEAN))
    unpack rows
    project user_id, row(name) AS name, row(event_time) AS event_time, row(price) AS price, row(quantity) AS quantity, row(amount) AS amount, row(ok) AS ok, window_start, window_end, window_time, row_number() AS n
    write out
exchange out.top (16 partitions, d1166c17eedfb532): __window_end BIGINT, __window_start BIGINT, __rows BIGINT, user_id BIGINT, top(1 BY event_time TIMESTAMP DESC: row(name) VARCHAR, row(event_time) TIMESTAMP, row(price) DOUBLE, row(quantity) INT, row(amount) DECIMAL(10, 2), row(ok) BOOLEAN) BYTES
state of out.top in stage 1: (window_end SESSION(4000 ms), user_id BIGINT) -> (window_start TIMESTAMP, top(1 BY event_time TIMESTAMP DESC: row(name) VARCHAR, row(event_time) TIMESTAMP, row(price) DOUBLE, row(quantity) INT, row(amount) DECIMAL(10, 2), row(ok) BOOLEAN) BYTES)
sink out (topic out-topic): user_id BIGINT, name VARCHAR, event_time TIMESTAMP, price DOUBLE, quantity INT, amount DECIMAL(10, 2), ok BOOLEAN, window_start TIMESTAMP, window_end TIMESTAMP, window_time TIMESTAMP, n BIGINT
--------
INSERT INTO out SELECT n, price, quantity, window_end
FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end, quantity ORDER BY price) AS n
  FROM HOP(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '4' SECOND, INTERVAL '10' SECOND))
WHERE n < 3
ALLOWED LATENESS INTERVAL '10' SECOND LATE ROWS INTO late
=>
plan 5f3235d633a353d4
source clicks (topic clicks-topic): user_id BIGINT, name VARCHAR, event_time TIMESTAMP, price DOUBLE, quantity INT, amount DECIMAL(10, 2), ok BOOLEAN
  watermark event_time - 5000 ms, idle after 30000 ms
stage 0 reads source clicks
  - project event_time, quantity, packed(price, price) AS __argument_0, user_id AS __late_user_id, name AS __late_name, event_time AS __late_event_time, price AS __late_price, quantity AS __late_quantity, amount AS __late_amount, ok AS __late_ok
    rows for out.top HOP(4000 ms, 10000 ms) lateness 10000 ms keys (quantity) aggregates (top(2 BY price DOUBLE: row(price) DOUBLE))
    late rows to late
    send to exchange out.top
stage 1 reads exchange out.top
  - merge out.top HOP(4000 ms, 10000 ms) lateness 10000 ms keys (quantity) aggregates (top(2 BY price DOUBLE: row(price) DOUBLE))
    late rows to late
    unpack rows
    project row_number() AS n, row(price) AS price, quantity, window_end
    write out
exchange out.top (16 partitions, d274af2fc11af472): __pane_end BIGINT, __first_window_end BIGINT, __rows BIGINT, quantity INT, top(2 BY price DOUBLE: row(price) DOUBLE) BYTES, __late_user_id BIGINT, __late_name VARCHAR, __late_event_time TIMESTAMP, __late_price DOUBLE, __late_quantity INT, __late_amount DECIMAL(10, 2), __late_ok BOOLEAN
state of out.top in stage 1: (pane_end HOP(4000 ms, 10000 ms) lateness 10000 ms, first_window_end HOP(4000 ms, 10000 ms) lateness 10000 ms, quantity INT) -> (top(2 BY price DOUBLE: row(price) DOUBLE) BYTES)
sink late (topic late-topic): user_id BIGINT, name VARCHAR, event_time TIMESTAMP, price DOUBLE, quantity INT, amount DECIMAL(10, 2), ok BOOLEAN, late_reason VARCHAR, window_start TIMESTAMP, window_end TIMESTAMP, late_by BIGINT
sink out (topic out-topic): n BIGINT, price DOUBLE, quantity INT, window_end TIMESTAMP
--------
CREATE VIEW tens AS
SELECT user_id, name, window_start, window_end, count(*) AS clicks, sum(price) AS total
FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY user_id, name, window_start, window_end;
INSERT INTO out SELECT n, window_start, window_end, user_id, name, clicks
FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY clicks DESC) AS n FROM tens)
WHERE n <= 3
=>
plan 52ab178431707393
source clicks (topic clicks-topic): user_id BIGINT, name VARCHAR, event_time TIMESTAMP, price DOUBLE
  watermark event_time - 5000 ms, idle after 30000 ms
stage 0 reads source clicks
  - project event_time, user_id, name, price AS __argument_1
    partial out.tens.window TUMBLE(10000 ms) keys (user_id, name) aggregates (count(*), sum(price))
    send to exchange out.tens.window
stage 1 reads exchange out.tens.window
  - merge out.tens.window TUMBLE(10000 ms) keys (user_id, name) aggregates (count(*), sum(price))
    project window_time, packed(count(*), user_id, name, window_start, user_id, name, window_start, count(*)) AS __argument_0
    partial out.top TUMBLE(10000 ms) keys () aggregates (top(3 BY count(*) BIGINT DESC: row(user_id) BIGINT, row(name) VARCHAR, row(window_start) TIMESTAMP, row(count(*)) BIGINT))
    send to exchange out.top
stage 2 reads exchange out.top
  - merge out.top TUMBLE(10000 ms) keys () aggregates (top(3 BY count(*) BIGINT DESC: row(user_id) BIGINT, row(name) VARCHAR, row(window_start) TIMESTAMP, row(count(*)) BIGINT))
    unpack rows
    project row_number() AS n, row(window_start) AS window_start, window_end, row(user_id) AS user_id, row(name) AS name, row(count(*)) AS clicks
    write out
exchange out.top (16 partitions, 371acec02929f8b2): __window_end BIGINT, __rows BIGINT, top(3 BY count(*) BIGINT DESC: row(user_id) BIGINT, row(name) VARCHAR, row(window_start) TIMESTAMP, row(count(*)) BIGINT) BYTES
exchange out.tens.window (16 partitions, a51d99ff7f561cbd): __window_end BIGINT, __rows BIGINT, user_id BIGINT, name VARCHAR, count(*) BIGINT, sum(price) DOUBLE
state of out.tens.window in stage 1: (window_end TUMBLE(10000 ms), user_id BIGINT, name VARCHAR) -> (count(*) BIGINT, sum(price) DOUBLE)
state of out.top in stage 2: (window_end TUMBLE(10000 ms)) -> (top(3 BY count(*) BIGINT DESC: row(user_id) BIGINT, row(name) VARCHAR, row(window_start) TIMESTAMP, row(count(*)) BIGINT) BYTES)
sink out (topic out-topic): n BIGINT, window_start TIMESTAMP, window_end TIMESTAMP, user_id BIGINT, name VARCHAR, clicks BIGINT
--------
CREATE VIEW busy AS
SELECT user_id, ok, window_start AS since, window_time AS at, max(price) AS top, count(*) AS clicks
FROM HOP(TABLE visits, DESCRIPTOR(event_time), INTERVAL '4' SECOND, INTERVAL '10' SECOND, INTERVAL '1' SECOND)
GROUP BY user_id, ok, window_start, window_end, window_time HAVING count(*) > 1;
INSERT INTO out SELECT ok, since, at, user_id, top
FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY at, ok ORDER BY top DESC, user_id) AS n FROM busy WHERE clicks < 9)
WHERE n = 1
=>
plan bbef87c44976e3b8
source visits (topic visits-topic): user_id BIGINT, event_time TIMESTAMP, price DOUBLE, ok BOOLEAN
  watermark event_time - 5000 ms, never idle
stage 0 reads source visits
  - project event_time, user_id, ok, price AS __argument_0
    window out.busy.window HOP(4000 ms, 10000 ms, offset 1000 ms) keys (user_id, ok) aggregates (max(price), count(*))
    filter (count(*) > 1)
    filter (count(*) < 9)
    project window_time, ok, packed(max(price), user_id, window_start, user_id, window_start, max(price)) AS __argument_0
    partial out.top TUMBLE(4000 ms, offset 3000 ms) keys (ok) aggregates (top(1 BY max(price) DOUBLE DESC, user_id BIGINT: row(user_id) BIGINT, row(window_start) TIMESTAMP, row(max(price)) DOUBLE))
    send to exchange out.top
stage 1 reads exchange out.top
  - merge out.top TUMBLE(4000 ms, offset 3000 ms) keys (ok) aggregates (top(1 BY max(price) DOUBLE DESC, user_id BIGINT: row(user_id) BIGINT, row(window_start) TIMESTAMP, row(max(price)) DOUBLE))
    unpack rows
    project ok, row(window_start) AS since, window_time AS at, row(user_id) AS user_id, row(max(price)) AS top
    write out
exchange out.top (16 partitions, c0ff4596baac03f4): __window_end BIGINT, __rows BIGINT, ok BOOLEAN, top(1 BY max(price) DOUBLE DESC, user_id BIGINT: row(user_id) BIGINT, row(window_start) TIMESTAMP, row(max(price)) DOUBLE) BYTES
state of out.busy.window in stage 0: (pane_end HOP(4000 ms, 10000 ms, offset 1000 ms), first_window_end HOP(4000 ms, 10000 ms, offset 1000 ms), user_id BIGINT, ok BOOLEAN) -> (max(price) DOUBLE, count(*) BIGINT)
state of out.top in stage 1: (window_end TUMBLE(4000 ms, offset 3000 ms), ok BOOLEAN) -> (top(1 BY max(price) DOUBLE DESC, user_id BIGINT: row(user_id) BIGINT, row(window_start) TIMESTAMP, row(max(price)) DOUBLE) BYTES)
sink out (topic out-topic): ok BOOLEAN, since TIMESTAMP, at TIMESTAMP, user_id BIGINT, top DOUBLE
--------
CREATE VIEW far AS
SELECT quantity, window_end AS until, min(event_time) AS first
FROM CUMULATE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '5' SECOND, INTERVAL '20' SECOND, INTERVAL '7' SECOND)
GROUP BY quantity, window_start, window_end;
INSERT INTO out SELECT until, quantity, first, n
FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY until ORDER BY first) AS n FROM far) WHERE n <= 2 AND n > 1
=>
plan cc6493039c9c08bf
source clicks (topic clicks-topic): event_time TIMESTAMP, quantity INT
  watermark event_time - 5000 ms, idle after 30000 ms
stage 0 reads source clicks
  - project event_time, quantity, event_time AS __argument_0
    partial out.far.window CUMULATE(5000 ms, 20000 ms, offset 7000 ms) keys (quantity) aggregates (min(event_time))
    send to exchange out.far.window
stage 1 reads exchange out.far.window
  - merge out.far.window CUMULATE(5000 ms, 20000 ms, offset 7000 ms) keys (quantity) aggregates (min(event_time))
    project window_time, packed(min(event_time), quantity, quantity, min(event_time)) AS __argument_0
    partial out.top TUMBLE(5000 ms, offset 2000 ms) keys () aggregates (top(2 BY min(event_time) TIMESTAMP: row(quantity) INT, row(min(event_time)) TIMESTAMP))
    send to exchange out.top
stage 2 reads exchange out.top
  - merge out.top TUMBLE(5000 ms, offset 2000 ms) keys () aggregates (top(2 BY min(event_time) TIMESTAMP: row(quantity) INT, row(min(event_time)) TIMESTAMP))
    unpack rows
    filter (row_number() > 1)
    project window_end AS until, row(quantity) AS quantity, row(min(event_time)) AS first, row_number() AS n
    write out
exchange out.top (16 partitions, 39a88eac927fc6a5): __window_end BIGINT, __rows BIGINT, top(2 BY min(event_time) TIMESTAMP: row(quantity) INT, row(min(event_time)) TIMESTAMP) BYTES
exchange out.far.window (16 partitions, 61eec801ce6768d6): __pane_end BIGINT, __first_window_end BIGINT, __rows BIGINT, quantity INT, min(event_time) TIMESTAMP
state of out.far.window in stage 1: (pane_end CUMULATE(5000 ms, 20000 ms, offset 7000 ms), first_window_end CUMULATE(5000 ms, 20000 ms, offset 7000 ms), quantity INT) -> (min(event_time) TIMESTAMP)
state of out.top in stage 2: (window_end TUMBLE(5000 ms, offset 2000 ms)) -> (top(2 BY min(event_time) TIMESTAMP: row(quantity) INT, row(min(event_time)) TIMESTAMP) BYTES)
sink out (topic out-topic): until TIMESTAMP, quantity INT, first TIMESTAMP, n BIGINT
--------
CREATE VIEW dear AS
SELECT user_id, price, window_time AS at
FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end, user_id ORDER BY price DESC, event_time) AS n
  FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '5' SECOND))
WHERE n <= 2;
INSERT INTO out SELECT window_start, count(*) AS dear, sum(price) AS total
FROM TUMBLE(TABLE dear, DESCRIPTOR(at), INTERVAL '20' SECOND) GROUP BY window_start, window_end;
INSERT INTO other SELECT user_id, price, at
FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY at ORDER BY price DESC) AS n FROM dear) WHERE n <= 2
=>
plan 084204cd0a9ef64a
source clicks (topic clicks-topic): user_id BIGINT, event_time TIMESTAMP, price DOUBLE
  watermark event_time - 5000 ms, idle after 30000 ms
stage 0 reads source clicks
  - project event_time, user_id, packed(price, event_time, price) AS __argument_0
    partial other.dear.top TUMBLE(5000 ms) keys (user_id) aggregates (top(2 BY price DOUBLE DESC, event_time TIMESTAMP: row(price) DOUBLE))
    send to exchange other.dear.top
  - project event_time, user_id, packed(price, event_time, price) AS __argument_0
    partial out.dear.top TUMBLE(5000 ms) keys (user_id) aggregates (top(2 BY price DOUBLE DESC, event_time TIMESTAMP: row(price) DOUBLE))
    send to exchange out.dear.top
stage 1 reads exchange other.dear.top
  - merge other.dear.top TUMBLE(5000 ms) keys (user_id) aggregates (top(2 BY price DOUBLE DESC, event_time TIMESTAMP: row(price) DOUBLE))
    unpack rows
    project window_time, packed(row(price), user_id, user_id, row(price)) AS __argument_0
    partial other.top TUMBLE(5000 ms) keys () aggregates (top(2 BY row(price) DOUBLE DESC: row(user_id) BIGINT, row(row(price)) DOUBLE))
    send to exchange other.top
stage 1 reads exchange out.dear.top
  - merge out.dear.top TUMBLE(5000 ms) keys (user_id) aggregates (top(2 BY price DOUBLE DESC, event_time TIMESTAMP: row(price) DOUBLE))
    unpack rows
    project window_time, row(price) AS __argument_1
    partial out.window TUMBLE(20000 ms) keys () aggregates (count(*), sum(row(price)))
    send to exchange out.window
stage 2 reads exchange other.top
  - merge other.top TUMBLE(5000 ms) keys () aggregates (top(2 BY row(price) DOUBLE DESC: row(user_id) BIGINT, row(row(price)) DOUBLE))
    unpack rows
    project row(user_id) AS user_id, row(row(price)) AS price, window_time AS at
    write other
stage 2 reads exchange out.window
  - merge out.window TUMBLE(20000 ms) keys () aggregates (count(*), sum(row(price)))
    project window_start, count(*) AS dear, sum(row(price)) AS total
    write out
exchange other.top (16 partitions, d26463b38781b279): __window_end BIGINT, __rows BIGINT, top(2 BY row(price) DOUBLE DESC: row(user_id) BIGINT, row(row(price)) DOUBLE) BYTES
exchange other.dear.top (16 partitions, ef8e3e53c67bc215): __window_end BIGINT, __rows BIGINT, user_id BIGINT, top(2 BY price DOUBLE DESC, event_time TIMESTAMP: row(price) DOUBLE) BYTES
exchange out.window (16 partitions, aae18d312b5c0430): __window_end BIGINT, __rows BIGINT, count(*) BIGINT, sum(row(price)) DOUBLE
exchange out.dear.top (16 partitions, a53c581a936d3bc6): __window_end BIGINT, __rows BIGINT, user_id BIGINT, top(2 BY price DOUBLE DESC, event_time TIMESTAMP: row(price) DOUBLE) BYTES
state of other.dear.top in stage 1: (window_end TUMBLE(5000 ms), user_id BIGINT) -> (top(2 BY price DOUBLE DESC, event_time TIMESTAMP: row(price) DOUBLE) BYTES)
state of out.dear.top in stage 1: (window_end TUMBLE(5000 ms), user_id BIGINT) -> (top(2 BY price DOUBLE DESC, event_time TIMESTAMP: row(price) DOUBLE) BYTES)
state of other.top in stage 2: (window_end TUMBLE(5000 ms)) -> (top(2 BY row(price) DOUBLE DESC: row(user_id) BIGINT, row(row(price)) DOUBLE) BYTES)
state of out.window in stage 2: (window_end TUMBLE(20000 ms)) -> (count(*) BIGINT, sum(row(price)) DOUBLE)
sink other (topic other-topic): user_id BIGINT, price DOUBLE, at TIMESTAMP
sink out (topic out-topic): window_start TIMESTAMP, dear BIGINT, total DOUBLE
--------
INSERT INTO counts SELECT user_id, window_start, approx_distinct(price) AS prices, approx_count_distinct(name) FILTER (WHERE ok) AS names,
  count(DISTINCT price) AS exact
FROM HOP(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '5' SECOND, INTERVAL '20' SECOND)
GROUP BY user_id, window_start, window_end
HAVING approx_distinct(quantity) > 1
=>
plan ddf101bb9a2dc78a
source clicks (topic clicks-topic): user_id BIGINT, name VARCHAR, event_time TIMESTAMP, price DOUBLE, quantity INT, ok BOOLEAN
  watermark event_time - 5000 ms, idle after 30000 ms
stage 0 reads source clicks
  - project event_time, user_id, price AS __argument_0, CASE WHEN ok THEN name END AS __argument_1, quantity AS __argument_3
    partial counts.window HOP(5000 ms, 20000 ms) keys (user_id) aggregates (approx_distinct(price), approx_distinct(name) FILTER (WHERE ok), count(DISTINCT price), approx_distinct(quantity))
    send to exchange counts.window
stage 1 reads exchange counts.window
  - merge counts.window HOP(5000 ms, 20000 ms) keys (user_id) aggregates (approx_distinct(price), approx_distinct(name) FILTER (WHERE ok), count(DISTINCT price), approx_distinct(quantity))
    filter (approx_distinct(quantity) > 1)
    project user_id, window_start, approx_distinct(price) AS prices, approx_distinct(name) FILTER (WHERE ok) AS names, count(DISTINCT price) AS exact
    write counts
exchange counts.window (16 partitions, 955c82c97364613f): __pane_end BIGINT, __first_window_end BIGINT, __rows BIGINT, user_id BIGINT, "approx_distinct(price) of DOUBLE" BYTES, "approx_distinct(name) FILTER (WHERE ok) of VARCHAR" BYTES, "count(DISTINCT price) of DOUBLE" BYTES, "approx_distinct(quantity) of INT" BYTES
state of counts.window in stage 1: (pane_end HOP(5000 ms, 20000 ms), first_window_end HOP(5000 ms, 20000 ms), user_id BIGINT) -> (approx_distinct(price) of DOUBLE BYTES, approx_distinct(name) FILTER (WHERE ok) of VARCHAR BYTES, count(DISTINCT price) of DOUBLE BYTES, approx_distinct(quantity) of INT BYTES)
sink counts (topic counts-topic): user_id BIGINT, window_start TIMESTAMP, prices BIGINT, names BIGINT, exact BIGINT key (user_id)
--------
INSERT INTO counts SELECT user_id, approx_distinct(event_time) AS times, approx_distinct(amount) AS amounts, approx_distinct(ok) AS both
FROM visits GROUP BY user_id EMIT CHANGES STATE TTL INTERVAL '20' SECOND
=>
plan 7b8aa75f28d43ab9
source visits (topic visits-topic): user_id BIGINT, event_time TIMESTAMP, amount DECIMAL(10, 2), ok BOOLEAN
  watermark event_time - 5000 ms, never idle
stage 0 reads source visits
  - project event_time, user_id, event_time AS __argument_0, amount AS __argument_1, ok AS __argument_2
    window counts.group LIFE(20000 ms) keys (user_id) aggregates (approx_distinct(event_time), approx_distinct(amount), approx_distinct(ok))
    emit changes
    project user_id, approx_distinct(event_time) AS times, approx_distinct(amount) AS amounts, approx_distinct(ok) AS both
    write counts
state of counts.group in stage 0: (window_end LIFE(20000 ms) changes, user_id BIGINT) -> (window_start TIMESTAMP, approx_distinct(event_time) of TIMESTAMP BYTES, approx_distinct(amount) of DECIMAL(10, 2) BYTES, approx_distinct(ok) of BOOLEAN BYTES)
sink counts (topic counts-topic): user_id BIGINT, times BIGINT, amounts BIGINT, both BIGINT key (user_id)
--------
INSERT INTO ranks SELECT user_id, n, price, name
FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY price DESC) AS n FROM clicks) WHERE n <= 3
EMIT CHANGES STATE TTL NONE
=>
plan 0fbfe028b4ac924f
source clicks (topic clicks-topic): user_id BIGINT, name VARCHAR, event_time TIMESTAMP, price DOUBLE
  watermark event_time - 5000 ms, idle after 30000 ms
stage 0 reads source clicks
  - project event_time, user_id, packed(price, name, price) AS __argument_0
    partial ranks.top ALL keys (user_id) aggregates (top(3 BY price DOUBLE DESC: row(name) VARCHAR, row(price) DOUBLE))
    send to exchange ranks.top
stage 1 reads exchange ranks.top
  - merge ranks.top ALL keys (user_id) aggregates (top(3 BY price DOUBLE DESC: row(name) VARCHAR, row(price) DOUBLE))
    emit changes
    unpack rows
    project user_id, row_number() AS n, row(price) AS price, row(name) AS name
    write ranks
exchange ranks.top (16 partitions, b2b9f8a590fb5765): __window_end BIGINT, __rows BIGINT, user_id BIGINT, top(3 BY price DOUBLE DESC: row(name) VARCHAR, row(price) DOUBLE) BYTES
state of ranks.top in stage 1: (window_end ALL changes, user_id BIGINT) -> (top(3 BY price DOUBLE DESC: row(name) VARCHAR, row(price) DOUBLE) BYTES)
sink ranks (topic ranks-topic): user_id BIGINT, n BIGINT, price DOUBLE, name VARCHAR key (user_id, n)
--------
INSERT INTO ranks SELECT r.user_id, r.n, r.quantity * 2 AS twice, who
FROM (SELECT user_id, upper(name) AS who, quantity, ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY quantity, price DESC) AS n
  FROM visits WHERE price > 1) AS r
WHERE r.n < 4 AND r.quantity > 1
EMIT CHANGES STATE TTL INTERVAL '8' SECOND
=>
plan 9d63e2ab477c4ea9
source visits (topic visits-topic): user_id BIGINT, name VARCHAR, event_time TIMESTAMP, price DOUBLE, quantity INT
  watermark event_time - 5000 ms, never idle
stage 0 reads source visits
  - filter (price > 1.0)
    project event_time, user_id, packed(quantity, price, upper(name), quantity) AS __argument_0
    window ranks.top LIFE(8000 ms) keys (user_id) aggregates (top(3 BY quantity INT, price DOUBLE DESC: row(upper(name)) VARCHAR, row(quantity) INT))
    emit changes
    unpack rows
    filter (row(quantity) > INT '1')
    project user_id, row_number() AS n, (CAST(row(quantity) AS BIGINT) * 2) AS twice, row(upper(name)) AS who
    write ranks
state of ranks.top in stage 0: (window_end LIFE(8000 ms) changes, user_id BIGINT) -> (window_start TIMESTAMP, top(3 BY quantity INT, price DOUBLE DESC: row(upper(name)) VARCHAR, row(quantity) INT) BYTES)
sink ranks (topic ranks-topic): user_id BIGINT, n BIGINT, twice BIGINT, who VARCHAR key (user_id, n)
--------
INSERT INTO ranks SELECT *
FROM (SELECT user_id, event_time, ok, ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY event_time DESC) AS n FROM clicks)
WHERE n <= 2
EMIT CHANGES STATE TTL INTERVAL '20' SECOND LATE ROWS INTO late
=>
plan 161f33e059f9d321
source clicks (topic clicks-topic): user_id BIGINT, name VARCHAR, event_time TIMESTAMP, price DOUBLE, quantity INT, amount DECIMAL(10, 2), ok BOOLEAN
  watermark event_time - 5000 ms, idle after 30000 ms
stage 0 reads source clicks
  - project event_time, user_id, packed(event_time, event_time, ok) AS __argument_0, user_id AS __late_user_id, name AS __late_name, event_time AS __late_event_time, price AS __late_price, quantity AS __late_quantity, amount AS __late_amount, ok AS __late_ok
    rows for ranks.top LIFE(20000 ms) keys (user_id) aggregates (top(2 BY event_time TIMESTAMP DESC: row(event_time) TIMESTAMP, row(ok) BOOLEAN))
    late rows to late
    send to exchange ranks.top
stage 1 reads exchange ranks.top
  - merge ranks.top LIFE(20000 ms) keys (user_id) aggregates (top(2 BY event_time TIMESTAMP DESC: row(event_time) TIMESTAMP, row(ok) BOOLEAN))
    late rows to late
    emit changes
    unpack rows
    project user_id, row(event_time) AS event_time, row(ok) AS ok, row_number() AS n
    write ranks
exchange ranks.top (16 partitions, cbdcdc82e54e6fca): __window_end BIGINT, __window_start BIGINT, __rows BIGINT, user_id BIGINT, top(2 BY event_time TIMESTAMP DESC: row(event_time) TIMESTAMP, row(ok) BOOLEAN) BYTES, __late_user_id BIGINT, __late_name VARCHAR, __late_event_time TIMESTAMP, __late_price DOUBLE, __late_quantity INT, __late_amount DECIMAL(10, 2), __late_ok BOOLEAN
state of ranks.top in stage 1: (window_end LIFE(20000 ms) changes, user_id BIGINT) -> (window_start TIMESTAMP, top(2 BY event_time TIMESTAMP DESC: row(event_time) TIMESTAMP, row(ok) BOOLEAN) BYTES)
sink late (topic late-topic): user_id BIGINT, name VARCHAR, event_time TIMESTAMP, price DOUBLE, quantity INT, amount DECIMAL(10, 2), ok BOOLEAN, late_reason VARCHAR, window_start TIMESTAMP, window_end TIMESTAMP, late_by BIGINT
sink ranks (topic ranks-topic): user_id BIGINT, event_time TIMESTAMP, ok BOOLEAN, n BIGINT key (user_id, n)
--------
INSERT INTO tops SELECT window_end, n, user_id, price
FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY price DESC) AS n
  FROM HOP(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '5' SECOND, INTERVAL '10' SECOND))
WHERE n <= 3 AND price < 9
EMIT CHANGES ALLOWED LATENESS INTERVAL '10' SECOND
=>
plan 0d032c756b839cf7
source clicks (topic clicks-topic): user_id BIGINT, event_time TIMESTAMP, price DOUBLE
  watermark event_time - 5000 ms, idle after 30000 ms
stage 0 reads source clicks
  - project event_time, packed(price, user_id, price) AS __argument_0
    partial tops.top HOP(5000 ms, 10000 ms) lateness 10000 ms keys () aggregates (top(3 BY price DOUBLE DESC: row(user_id) BIGINT, row(price) DOUBLE))
    send to exchange tops.top
stage 1 reads exchange tops.top
  - merge tops.top HOP(5000 ms, 10000 ms) lateness 10000 ms keys () aggregates (top(3 BY price DOUBLE DESC: row(user_id) BIGINT, row(price) DOUBLE))
    emit changes
    unpack rows
    filter (row(price) < 9.0)
    project window_end, row_number() AS n, row(user_id) AS user_id, row(price) AS price
    write tops
exchange tops.top (16 partitions, 6cb74cafdbc09786): __pane_end BIGINT, __first_window_end BIGINT, __rows BIGINT, top(3 BY price DOUBLE DESC: row(user_id) BIGINT, row(price) DOUBLE) BYTES
state of tops.top in stage 1: (pane_end HOP(5000 ms, 10000 ms) lateness 10000 ms changes, first_window_end HOP(5000 ms, 10000 ms) lateness 10000 ms changes) -> (top(3 BY price DOUBLE DESC: row(user_id) BIGINT, row(price) DOUBLE) BYTES)
sink tops (topic tops-topic): window_end TIMESTAMP, n BIGINT, user_id BIGINT, price DOUBLE key (window_end, n)
--------
CREATE VIEW tens AS SELECT user_id, window_end, count(*) AS clicks
FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND) GROUP BY user_id, window_start, window_end;
INSERT INTO tops SELECT window_end, n, user_id, clicks
FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_end ORDER BY clicks DESC) AS n FROM tens) WHERE n <= 2
EMIT CHANGES
=>
plan 0a29ad32988d7b78
source clicks (topic clicks-topic): user_id BIGINT, event_time TIMESTAMP
  watermark event_time - 5000 ms, idle after 30000 ms
stage 0 reads source clicks
  - project event_time, user_id
    partial tops.tens.window TUMBLE(10000 ms) keys (user_id) aggregates (count(*))
    send to exchange tops.tens.window
stage 1 reads exchange tops.tens.window
  - merge tops.tens.window TUMBLE(10000 ms) keys (user_id) aggregates (count(*))
    project window_time, packed(count(*), user_id, user_id, count(*)) AS __argument_0
    partial tops.top TUMBLE(10000 ms) keys () aggregates (top(2 BY count(*) BIGINT DESC: row(user_id) BIGINT, row(count(*)) BIGINT))
    send to exchange tops.top
stage 2 reads exchange tops.top
  - merge tops.top TUMBLE(10000 ms) keys () aggregates (top(2 BY count(*) BIGINT DESC: row(user_id) BIGINT, row(count(*)) BIGINT))
    emit changes
    unpack rows
    project window_end, row_number() AS n, row(user_id) AS user_id, row(count(*)) AS clicks
    write tops
exchange tops.top (16 partitions, 02734b8cb3b6f301): __window_end BIGINT, __rows BIGINT, top(2 BY count(*) BIGINT DESC: row(user_id) BIGINT, row(count(*)) BIGINT) BYTES
exchange tops.tens.window (16 partitions, b43be127b2f931be): __window_end BIGINT, __rows BIGINT, user_id BIGINT, count(*) BIGINT
state of tops.tens.window in stage 1: (window_end TUMBLE(10000 ms), user_id BIGINT) -> (count(*) BIGINT)
state of tops.top in stage 2: (window_end TUMBLE(10000 ms) changes) -> (top(2 BY count(*) BIGINT DESC: row(user_id) BIGINT, row(count(*)) BIGINT) BYTES)
sink tops (topic tops-topic): window_end TIMESTAMP, n BIGINT, user_id BIGINT, clicks BIGINT key (window_end, n)
--------
INSERT INTO out SELECT user_id, event_time, price, sum(price) OVER (PARTITION BY user_id ORDER BY event_time
  ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS total
FROM clicks STATE TTL INTERVAL '30' SECOND
=>
plan c2b2ca4f7f231f94
source clicks (topic clicks-topic): user_id BIGINT, event_time TIMESTAMP, price DOUBLE
  watermark event_time - 5000 ms, idle after 30000 ms
stage 0 reads source clicks
  - project event_time, user_id, packed(user_id, event_time, price) AS __argument_0
    rows for out.over OVER(2 ROWS, LIFE(30000 ms)) keys (user_id) aggregates (rows(user_id BIGINT, event_time TIMESTAMP, price DOUBLE))
    send to exchange out.over
stage 1 reads exchange out.over
  - merge out.over OVER(2 ROWS, LIFE(30000 ms)) keys (user_id) aggregates (rows(user_id BIGINT, event_time TIMESTAMP, price DOUBLE))
    aggregate over frames (sum(price))
    project user_id, event_time, price, sum(price) AS total
    write out
exchange out.over (16 partitions, 7cdce2cc851f9a5a): __window_end BIGINT, __rows BIGINT, user_id BIGINT, rows(user_id BIGINT, event_time TIMESTAMP, price DOUBLE) BYTES
state of out.over in stage 1: (window_end OVER(2 ROWS, LIFE(30000 ms)), user_id BIGINT) -> (rows(user_id BIGINT, event_time TIMESTAMP, price DOUBLE) BYTES)
sink out (topic out-topic): user_id BIGINT, event_time TIMESTAMP, price DOUBLE, total DOUBLE
--------
INSERT INTO out SELECT name, event_time, count(*) OVER (PARTITION BY user_id ORDER BY event_time ROWS 4 PRECEDING) AS n,
  price - avg(price) OVER (PARTITION BY user_id ORDER BY event_time ROWS 4 PRECEDING) AS above,
  last_value(name) OVER (PARTITION BY user_id ORDER BY event_time ROWS 4 PRECEDING) AS who
FROM visits WHERE price > 1 STATE TTL NONE LATE ROWS INTO late
=>
plan bf8cbbc6633b9916
source visits (topic visits-topic): user_id BIGINT, name VARCHAR, event_time TIMESTAMP, price DOUBLE, quantity INT, amount DECIMAL(10, 2), ok BOOLEAN
  watermark event_time - 5000 ms, never idle
stage 0 reads source visits
  - filter (price > 1.0)
    project event_time, user_id, packed(name, event_time, price) AS __argument_0, user_id AS __late_user_id, name AS __late_name, event_time AS __late_event_time, price AS __late_price, quantity AS __late_quantity, amount AS __late_amount, ok AS __late_ok
    window out.over OVER(4 ROWS) keys (user_id) aggregates (rows(name VARCHAR, event_time TIMESTAMP, price DOUBLE))
    late rows to late
    aggregate over frames (count(*), avg(price), last_value(name))
    project name, event_time, count(*) AS n, (price - avg(price)) AS above, last_value(name) AS who
    write out
state of out.over in stage 0: (window_end OVER(4 ROWS), user_id BIGINT) -> (rows(name VARCHAR, event_time TIMESTAMP, price DOUBLE) BYTES)
sink late (topic late-topic): user_id BIGINT, name VARCHAR, event_time TIMESTAMP, price DOUBLE, quantity INT, amount DECIMAL(10, 2), ok BOOLEAN, late_reason VARCHAR, window_start TIMESTAMP, window_end TIMESTAMP, late_by BIGINT
sink out (topic out-topic): name VARCHAR, event_time TIMESTAMP, n BIGINT, above DOUBLE, who VARCHAR
--------
INSERT INTO out SELECT *, count(*) OVER (PARTITION BY user_id, ok ORDER BY event_time
  RANGE BETWEEN INTERVAL '20' SECOND PRECEDING AND CURRENT ROW) AS n,
  max(amount) FILTER (WHERE quantity > 1) OVER (PARTITION BY user_id, ok ORDER BY event_time
  RANGE BETWEEN INTERVAL '20' SECOND PRECEDING AND CURRENT ROW) AS most,
  sum(quantity) OVER (PARTITION BY user_id, ok ORDER BY event_time
  RANGE BETWEEN INTERVAL '20' SECOND PRECEDING AND CURRENT ROW) AS pieces,
  round(stddev(price) OVER (PARTITION BY user_id, ok ORDER BY event_time
  RANGE BETWEEN INTERVAL '20' SECOND PRECEDING AND CURRENT ROW), 3) AS spread,
  first_value(event_time) OVER (PARTITION BY user_id, ok ORDER BY event_time
  RANGE BETWEEN INTERVAL '20' SECOND PRECEDING AND CURRENT ROW) AS since
FROM clicks LATE ROWS INTO late
=>
plan fb38ed5d137eb9b7
source clicks (topic clicks-topic): user_id BIGINT, name VARCHAR, event_time TIMESTAMP, price DOUBLE, quantity INT, amount DECIMAL(10, 2), ok BOOLEAN
  watermark event_time - 5000 ms, idle after 30000 ms
stage 0 reads source clicks
  - project event_time, user_id, ok, packed(user_id, name, event_time, price, quantity, amount, ok, CASE WHEN (quantity > INT '1') THEN amount END, CAST(quantity AS BIGINT)) AS __argument_0, user_id AS __late_user_id, name AS __late_name, event_time AS __late_event_time, price AS __late_price, quantity AS __late_quantity, amount AS __late_amount, ok AS __late_ok
    rows for out.over OVER(20000 ms) keys (user_id, ok) aggregates (rows(user_id BIGINT, name VARCHAR, event_time TIMESTAMP, price DOUBLE, quantity INT, amount DECIMAL(10, 2), ok BOOLEAN, argument(CASE WHEN (quantity > INT '1') THEN amount END) DECIMAL(10, 2), argument(CAST(quantity AS BIGINT)) BIGINT))
    late rows to late
    send to exchange out.over
stage 1 reads exchange out.over
  - merge out.over OVER(20000 ms) keys (user_id, ok) aggregates (rows(user_id BIGINT, name VARCHAR, event_time TIMESTAMP, price DOUBLE, quantity INT, amount DECIMAL(10, 2), ok BOOLEAN, argument(CASE WHEN (quantity > INT '1') THEN amount END) DECIMAL(10, 2), argument(CAST(quantity AS BIGINT)) BIGINT))
    late rows to late
    aggregate over frames (count(*), max(amount) FILTER (WHERE (quantity > INT '1')), sum(quantity), stddev_samp(price), first_value(event_time))
    project user_id, name, event_time, price, quantity, amount, ok, count(*) AS n, max(amount) FILTER (WHERE (quantity > INT '1')) AS most, sum(quantity) AS pieces, round(stddev_samp(price), INT '3') AS spread, first_value(event_time) AS since
    write out
exchange out.over (16 partitions, 1ef1c328e1ed6006): __window_end BIGINT, __rows BIGINT, user_id BIGINT, ok BOOLEAN, rows(user_id BIGINT, name VARCHAR, event_time TIMESTAMP, price DOUBLE, quantity INT, amount DECIMAL(10, 2), ok BOOLEAN, argument(CASE WHEN (quantity > INT '1') THEN amount END) DECIMAL(10, 2), argument(CAST(quantity AS BIGINT)) BIGINT) BYTES, __late_user_id BIGINT, __late_name VARCHAR, __late_event_time TIMESTAMP, __late_price DOUBLE, __late_quantity INT, __late_amount DECIMAL(10, 2), __late_ok BOOLEAN
state of out.over in stage 1: (window_end OVER(20000 ms), user_id BIGINT, ok BOOLEAN) -> (rows(user_id BIGINT, name VARCHAR, event_time TIMESTAMP, price DOUBLE, quantity INT, amount DECIMAL(10, 2), ok BOOLEAN, argument(CASE WHEN (quantity > INT '1') THEN amount END) DECIMAL(10, 2), argument(CAST(quantity AS BIGINT)) BIGINT) BYTES)
sink late (topic late-topic): user_id BIGINT, name VARCHAR, event_time TIMESTAMP, price DOUBLE, quantity INT, amount DECIMAL(10, 2), ok BOOLEAN, late_reason VARCHAR, window_start TIMESTAMP, window_end TIMESTAMP, late_by BIGINT
sink out (topic out-topic): user_id BIGINT, name VARCHAR, event_time TIMESTAMP, price DOUBLE, quantity INT, amount DECIMAL(10, 2), ok BOOLEAN, n BIGINT, most DECIMAL(10, 2), pieces BIGINT, spread DOUBLE, since TIMESTAMP
--------
CREATE VIEW dear AS SELECT user_id AS who, upper(name) AS name, event_time AS at, price * 2 AS twice FROM clicks WHERE ok;
INSERT INTO names SELECT d.name, twice > 5 AS large, min(d.twice) OVER (PARTITION BY d.name ORDER BY d.at
  RANGE BETWEEN INTERVAL '0' SECOND PRECEDING AND CURRENT ROW) AS least
FROM dear AS d
=>
plan c691eee339cb0f44
source clicks (topic clicks-topic): name VARCHAR, event_time TIMESTAMP, price DOUBLE, ok BOOLEAN
  watermark event_time - 5000 ms, idle after 30000 ms
stage 0 reads source clicks
  - filter ok
    project event_time, upper(name), packed(name, price, (price * 2.0)) AS __argument_0
    rows for names.over OVER(0 ms) keys (upper(name)) aggregates (rows(name VARCHAR, price DOUBLE, argument((price * 2.0)) DOUBLE))
    send to exchange names.over
stage 1 reads exchange names.over
  - merge names.over OVER(0 ms) keys (upper(name)) aggregates (rows(name VARCHAR, price DOUBLE, argument((price * 2.0)) DOUBLE))
    aggregate over frames (min((price * 2.0)))
    project upper(name) AS name, ((price * 2.0) > 5.0) AS large, min((price * 2.0)) AS least
    write names
exchange names.over (16 partitions, c7a41befea401456): __window_end BIGINT, __rows BIGINT, upper(name) VARCHAR, rows(name VARCHAR, price DOUBLE, argument((price * 2.0)) DOUBLE) BYTES
state of names.over in stage 1: (window_end OVER(0 ms), upper(name) VARCHAR) -> (rows(name VARCHAR, price DOUBLE, argument((price * 2.0)) DOUBLE) BYTES)
sink names (topic names-topic): name VARCHAR, large BOOLEAN, least DOUBLE key (name, large)
--------
INSERT INTO out SELECT count(*) OVER (PARTITION BY user_id ORDER BY event_time
  RANGE INTERVAL '1.5' SECOND PRECEDING) AS n FROM visits
=>
plan 75144e9d79992752
source visits (topic visits-topic): user_id BIGINT, event_time TIMESTAMP
  watermark event_time - 5000 ms, never idle
stage 0 reads source visits
  - project event_time, user_id, packed(user_id) AS __argument_0
    window out.over OVER(1500 ms) keys (user_id) aggregates (rows(user_id BIGINT))
    aggregate over frames (count(*))
    project count(*) AS n
    write out
state of out.over in stage 0: (window_end OVER(1500 ms), user_id BIGINT) -> (rows(user_id BIGINT) BYTES)
sink out (topic out-topic): n BIGINT
--------
INSERT INTO counts SELECT user_id, count(*) AS n FROM TUMBLE(TABLE sleepy, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY user_id, window_start, window_end
=>
plan 3d27ee171485de8a
source sleepy (topic sleepy-topic): user_id BIGINT, event_time TIMESTAMP
  watermark event_time - 5000 ms, idle after 30000 ms
stage 0 reads source sleepy
  - project event_time, user_id
    window counts.window TUMBLE(10000 ms) keys (user_id) aggregates (count(*))
    project user_id, count(*) AS n
    write counts
state of counts.window in stage 0: (window_end TUMBLE(10000 ms), user_id BIGINT) -> (count(*) BIGINT)
sink counts (topic counts-topic): user_id BIGINT, n BIGINT key (user_id)
--------
INSERT INTO counts SELECT user_id, count(*) AS n FROM sleepy GROUP BY user_id
EMIT CHANGES STATE TTL INTERVAL '1' DAY
=>
plan aa2fbc6516a6fd9a
source sleepy (topic sleepy-topic): user_id BIGINT, event_time TIMESTAMP
  watermark event_time - 5000 ms, idle after 30000 ms
stage 0 reads source sleepy
  - project event_time, user_id
    window counts.group LIFE(86400000 ms) keys (user_id) aggregates (count(*))
    emit changes
    project user_id, count(*) AS n
    write counts
state of counts.group in stage 0: (window_end LIFE(86400000 ms) changes, user_id BIGINT) -> (window_start TIMESTAMP, count(*) BIGINT)
sink counts (topic counts-topic): user_id BIGINT, n BIGINT key (user_id)
--------
INSERT INTO out SELECT user_id, count(*) OVER (PARTITION BY user_id ORDER BY event_time ROWS 2 PRECEDING) AS n FROM sleepy STATE TTL NONE
=>
plan 6ff8b089bd8aabb6
source sleepy (topic sleepy-topic): user_id BIGINT, event_time TIMESTAMP
  watermark event_time - 5000 ms, idle after 30000 ms
stage 0 reads source sleepy
  - project event_time, user_id, packed(user_id) AS __argument_0
    window out.over OVER(2 ROWS) keys (user_id) aggregates (rows(user_id BIGINT))
    aggregate over frames (count(*))
    project user_id, count(*) AS n
    write out
state of out.over in stage 0: (window_end OVER(2 ROWS), user_id BIGINT) -> (rows(user_id BIGINT) BYTES)
sink out (topic out-topic): user_id BIGINT, n BIGINT
--------
INSERT INTO counts SELECT user_id, window_start, count(*) AS n, max(price) AS top
FROM TUMBLE(TABLE polled, DESCRIPTOR(proc_time), INTERVAL '10' SECOND) GROUP BY user_id, window_start, window_end
=>
plan 992696e39a67bb32
source polled (topic polled-topic): user_id BIGINT, price DOUBLE, proc_time TIMESTAMP METADATA FROM 'processingTime'
  watermark proc_time, the clock
stage 0 reads source polled
  - project proc_time, user_id, price AS __argument_1
    partial counts.window TUMBLE(10000 ms) keys (user_id) aggregates (count(*), max(price))
    send to exchange counts.window
stage 1 reads exchange counts.window
  - merge counts.window TUMBLE(10000 ms) keys (user_id) aggregates (count(*), max(price))
    project user_id, window_start, count(*) AS n, max(price) AS top
    write counts
exchange counts.window (16 partitions, 6675e380524174b8): __window_end BIGINT, __rows BIGINT, user_id BIGINT, count(*) BIGINT, max(price) DOUBLE
state of counts.window in stage 1: (window_end TUMBLE(10000 ms), user_id BIGINT) -> (count(*) BIGINT, max(price) DOUBLE)
sink counts (topic counts-topic): user_id BIGINT, window_start TIMESTAMP, n BIGINT, top DOUBLE key (user_id)
--------
INSERT INTO out SELECT user_id, window_start, window_end, count(*) AS n
FROM SESSION(TABLE polled, DESCRIPTOR(proc_time), INTERVAL '2' SECOND) GROUP BY user_id, window_start, window_end
=>
plan b6918f366916e851
source polled (topic polled-topic): user_id BIGINT, proc_time TIMESTAMP METADATA FROM 'processingTime'
  watermark proc_time, the clock
stage 0 reads source polled
  - project proc_time, user_id
    partial out.window SESSION(2000 ms) keys (user_id) aggregates (count(*))
    send to exchange out.window
stage 1 reads exchange out.window
  - merge out.window SESSION(2000 ms) keys (user_id) aggregates (count(*))
    project user_id, window_start, window_end, count(*) AS n
    write out
exchange out.window (16 partitions, 74714c8918a7f4ae): __window_end BIGINT, __window_start BIGINT, __rows BIGINT, user_id BIGINT, count(*) BIGINT
state of out.window in stage 1: (window_end SESSION(2000 ms), user_id BIGINT) -> (window_start TIMESTAMP, count(*) BIGINT)
sink out (topic out-topic): user_id BIGINT, window_start TIMESTAMP, window_end TIMESTAMP, n BIGINT
--------
CREATE VIEW tens AS SELECT user_id, window_time AS at, count(*) AS n
FROM HOP(TABLE polled, DESCRIPTOR(proc_time), INTERVAL '5' SECOND, INTERVAL '10' SECOND) GROUP BY user_id, window_start, window_end, window_time;
INSERT INTO out SELECT window_start, max(n) AS most
FROM TUMBLE(TABLE tens, DESCRIPTOR(at), INTERVAL '20' SECOND) GROUP BY window_start, window_end
=>
plan 207f4d695b08b548
source polled (topic polled-topic): user_id BIGINT, proc_time TIMESTAMP METADATA FROM 'processingTime'
  watermark proc_time, the clock
stage 0 reads source polled
  - project proc_time, user_id
    partial out.tens.window HOP(5000 ms, 10000 ms) keys (user_id) aggregates (count(*))
    send to exchange out.tens.window
stage 1 reads exchange out.tens.window
  - merge out.tens.window HOP(5000 ms, 10000 ms) keys (user_id) aggregates (count(*))
    project window_time, count(*) AS __argument_0
    partial out.window TUMBLE(20000 ms) keys () aggregates (max(count(*)))
    send to exchange out.window
stage 2 reads exchange out.window
  - merge out.window TUMBLE(20000 ms) keys () aggregates (max(count(*)))
    project window_start, max(count(*)) AS most
    write out
exchange out.window (16 partitions, 1444f615d915291f): __window_end BIGINT, __rows BIGINT, max(count(*)) BIGINT
exchange out.tens.window (16 partitions, 31e3ece4fb640d41): __pane_end BIGINT, __first_window_end BIGINT, __rows BIGINT, user_id BIGINT, count(*) BIGINT
state of out.tens.window in stage 1: (pane_end HOP(5000 ms, 10000 ms), first_window_end HOP(5000 ms, 10000 ms), user_id BIGINT) -> (count(*) BIGINT)
state of out.window in stage 2: (window_end TUMBLE(20000 ms)) -> (max(count(*)) BIGINT)
sink out (topic out-topic): window_start TIMESTAMP, most BIGINT
--------
INSERT INTO out SELECT user_id, name, proc_time
FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY proc_time) AS n FROM polled) WHERE n = 1
STATE TTL INTERVAL '1' MINUTE
=>
plan 03a63415e6567165
source polled (topic polled-topic): user_id BIGINT, name VARCHAR, proc_time TIMESTAMP METADATA FROM 'processingTime'
  watermark proc_time, the clock
stage 0 reads source polled
  - project proc_time, user_id, name AS __argument_0, proc_time AS __argument_1
    partial out.first FIRST(60000 ms) keys (user_id) aggregates (first_row(name), first_row(proc_time))
    send to exchange out.first
stage 1 reads exchange out.first
  - merge out.first FIRST(60000 ms) keys (user_id) aggregates (first_row(name), first_row(proc_time))
    project user_id, first_row(name) AS name, first_row(proc_time) AS proc_time
    write out
exchange out.first (16 partitions, 828949ce457e7843): __window_end BIGINT, __window_start BIGINT, __rows BIGINT, user_id BIGINT, "first_row(name).time" TIMESTAMP, "first_row(name).partition" INT, "first_row(name).position" BIGINT, "first_row(name).value" VARCHAR, "first_row(proc_time).time" TIMESTAMP, "first_row(proc_time).partition" INT, "first_row(proc_time).position" BIGINT, "first_row(proc_time).value" TIMESTAMP
state of out.first in stage 1: (window_end FIRST(60000 ms), user_id BIGINT) -> (window_start TIMESTAMP, first_row(name).time TIMESTAMP, first_row(name).partition INT, first_row(name).position BIGINT, first_row(name).value VARCHAR, first_row(proc_time).time TIMESTAMP, first_row(proc_time).partition INT, first_row(proc_time).position BIGINT, first_row(proc_time).value TIMESTAMP)
sink out (topic out-topic): user_id BIGINT, name VARCHAR, proc_time TIMESTAMP
--------
INSERT INTO out SELECT user_id, price, sum(price) OVER (PARTITION BY user_id ORDER BY proc_time
  RANGE BETWEEN INTERVAL '10' SECOND PRECEDING AND CURRENT ROW) AS spent FROM polled
=>
plan b01a7247b9c1860a
source polled (topic polled-topic): user_id BIGINT, price DOUBLE, proc_time TIMESTAMP METADATA FROM 'processingTime'
  watermark proc_time, the clock
stage 0 reads source polled
  - project proc_time, user_id, packed(user_id, price) AS __argument_0
    rows for out.over OVER(10000 ms) keys (user_id) aggregates (rows(user_id BIGINT, price DOUBLE))
    send to exchange out.over
stage 1 reads exchange out.over
  - merge out.over OVER(10000 ms) keys (user_id) aggregates (rows(user_id BIGINT, price DOUBLE))
    aggregate over frames (sum(price))
    project user_id, price, sum(price) AS spent
    write out
exchange out.over (16 partitions, f269a1dc59b2c2e0): __window_end BIGINT, __rows BIGINT, user_id BIGINT, rows(user_id BIGINT, price DOUBLE) BYTES
state of out.over in stage 1: (window_end OVER(10000 ms), user_id BIGINT) -> (rows(user_id BIGINT, price DOUBLE) BYTES)
sink out (topic out-topic): user_id BIGINT, price DOUBLE, spent DOUBLE
--------
INSERT INTO counts SELECT user_id, count(*) AS n FROM polled GROUP BY user_id
EMIT CHANGES STATE TTL INTERVAL '1' DAY
=>
plan 2bb46a4c088442d7
source polled (topic polled-topic): user_id BIGINT, proc_time TIMESTAMP METADATA FROM 'processingTime'
  watermark proc_time, the clock
stage 0 reads source polled
  - project proc_time, user_id
    partial counts.group LIFE(86400000 ms) keys (user_id) aggregates (count(*))
    send to exchange counts.group
stage 1 reads exchange counts.group
  - merge counts.group LIFE(86400000 ms) keys (user_id) aggregates (count(*))
    emit changes
    project user_id, count(*) AS n
    write counts
exchange counts.group (16 partitions, d3d6a83b9ea79bcd): __window_end BIGINT, __window_start BIGINT, __rows BIGINT, user_id BIGINT, count(*) BIGINT
state of counts.group in stage 1: (window_end LIFE(86400000 ms) changes, user_id BIGINT) -> (window_start TIMESTAMP, count(*) BIGINT)
sink counts (topic counts-topic): user_id BIGINT, n BIGINT key (user_id)
--------
INSERT INTO out SELECT user_id, price, proc_time FROM polled WHERE price > 2
=>
plan 00d900b542d4f0b6
source polled (topic polled-topic): user_id BIGINT, price DOUBLE, proc_time TIMESTAMP METADATA FROM 'processingTime'
  watermark proc_time, the clock
stage 0 reads source polled
  - filter (price > 2.0)
    project user_id, price, proc_time
    write out
sink out (topic out-topic): user_id BIGINT, price DOUBLE, proc_time TIMESTAMP
--------
INSERT INTO counts SELECT user_id, window_start, count(*) AS n
FROM TUMBLE(TABLE noted, DESCRIPTOR(event_time), INTERVAL '10' SECOND) GROUP BY user_id, window_start, window_end
=>
plan 9cebc4373a2aa99d
source noted (topic noted-topic): user_id BIGINT, event_time TIMESTAMP
  watermark event_time - 5000 ms, idle after 30000 ms
stage 0 reads source noted
  - project event_time, user_id
    window counts.window TUMBLE(10000 ms) keys (user_id) aggregates (count(*))
    project user_id, window_start, count(*) AS n
    write counts
state of counts.window in stage 0: (window_end TUMBLE(10000 ms), user_id BIGINT) -> (count(*) BIGINT)
sink counts (topic counts-topic): user_id BIGINT, window_start TIMESTAMP, n BIGINT key (user_id)
--------
INSERT INTO counts SELECT user_id, window_start, max(proc_time) AS seen
FROM TUMBLE(TABLE noted, DESCRIPTOR(event_time), INTERVAL '10' SECOND) GROUP BY user_id, window_start, window_end
=>
plan 5e053482a43d870c
source noted (topic noted-topic): user_id BIGINT, event_time TIMESTAMP, proc_time TIMESTAMP METADATA FROM 'processingTime'
  watermark event_time - 5000 ms, idle after 30000 ms
stage 0 reads source noted
  - project event_time, user_id, proc_time AS __argument_0
    partial counts.window TUMBLE(10000 ms) keys (user_id) aggregates (max(proc_time))
    send to exchange counts.window
stage 1 reads exchange counts.window
  - merge counts.window TUMBLE(10000 ms) keys (user_id) aggregates (max(proc_time))
    project user_id, window_start, max(proc_time) AS seen
    write counts
exchange counts.window (16 partitions, 01b3d0e2652ecbeb): __window_end BIGINT, __rows BIGINT, user_id BIGINT, max(proc_time) TIMESTAMP
state of counts.window in stage 1: (window_end TUMBLE(10000 ms), user_id BIGINT) -> (max(proc_time) TIMESTAMP)
sink counts (topic counts-topic): user_id BIGINT, window_start TIMESTAMP, seen TIMESTAMP key (user_id)
--------
CREATE VIEW quick AS SELECT user_id, event_time FROM noted WHERE proc_time < event_time + INTERVAL '1' MINUTE;
INSERT INTO counts SELECT user_id, window_start, count(*) AS n
FROM TUMBLE(TABLE quick, DESCRIPTOR(event_time), INTERVAL '10' SECOND) GROUP BY user_id, window_start, window_end
=>
plan b72e9123cc4517f9
source noted (topic noted-topic): user_id BIGINT, event_time TIMESTAMP, proc_time TIMESTAMP METADATA FROM 'processingTime'
  watermark event_time - 5000 ms, idle after 30000 ms
stage 0 reads source noted
  - filter (proc_time < (event_time + INTERVAL '0' MONTH '0' DAY '60000000000' NANOSECOND))
    project event_time, user_id
    partial counts.window TUMBLE(10000 ms) keys (user_id) aggregates (count(*))
    send to exchange counts.window
stage 1 reads exchange counts.window
  - merge counts.window TUMBLE(10000 ms) keys (user_id) aggregates (count(*))
    project user_id, window_start, count(*) AS n
    write counts
exchange counts.window (16 partitions, 9cfef0fc290e2b15): __window_end BIGINT, __rows BIGINT, user_id BIGINT, count(*) BIGINT
state of counts.window in stage 1: (window_end TUMBLE(10000 ms), user_id BIGINT) -> (count(*) BIGINT)
sink counts (topic counts-topic): user_id BIGINT, window_start TIMESTAMP, n BIGINT key (user_id)
