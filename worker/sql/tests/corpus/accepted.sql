-- a projection
INSERT INTO out SELECT user_id, price FROM clicks;
--------
-- all columns
INSERT INTO out SELECT * FROM clicks
--------
-- a qualified star and an alias
INSERT INTO out SELECT c.* FROM clicks AS c WHERE c.price > 1
--------
-- a source without event time
INSERT INTO out SELECT user_id FROM plain WHERE ok IS NOT TRUE
--------
-- constants only: one column is read all the same
INSERT INTO out SELECT 1 AS one, 'x' AS text, TRUE AS yes, 1.5 AS half FROM plain
--------
-- the flagship
INSERT INTO counts
SELECT user_id, window_start, count(*) AS clicks, max(price) AS top
FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY user_id, window_start, window_end;
--------
-- the claim makes the exchange unnecessary
INSERT INTO counts
SELECT user_id, window_start, count(*) AS clicks, max(price) AS top
FROM TUMBLE(TABLE visits, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY user_id, window_start, window_end;
--------
-- the claim does not cover the keys
INSERT INTO out
SELECT name, count(*) AS n
FROM TUMBLE(TABLE visits, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY name, window_start, window_end;
--------
-- hop, slide before size, with an offset, in the older notation
INSERT INTO counts
SELECT t.user_id, t.window_end, avg(t.price) AS mean
FROM TABLE(HOP(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '2' SECOND, INTERVAL '10' SECONDS, INTERVAL '500' MILLISECOND)) AS t
GROUP BY t.user_id, t.window_start, t.window_end
--------
-- a tumbling window with an offset and no other key
INSERT INTO out
SELECT window_start, window_end, window_time, count(*) AS n, count(name) AS named
FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '1' DAY, INTERVAL '-2' HOUR)
GROUP BY window_start, window_end, window_time
--------
-- having, expressions over aggregates, an aggregate used twice
INSERT INTO counts
SELECT user_id, sum(quantity) * 2 AS twice, sum(quantity) / count(*) AS mean
FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '1.5' MINUTE)
WHERE ok AND price BETWEEN 1 AND 9
GROUP BY user_id, window_start, window_end
HAVING count(*) > 3 AND max(name) IS NOT NULL
--------
-- a key that is an expression
INSERT INTO out
SELECT upper(name) AS who, coalesce(upper(name), '-') AS shown, window_end, min(event_time) AS first
FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '1' HOUR)
GROUP BY upper(name), window_start, window_end
--------
-- a window over views, inlined
CREATE VIEW dear AS SELECT user_id AS id, price * quantity AS cost, event_time AS at FROM clicks WHERE price > 10;
CREATE VIEW dearer AS SELECT id, cost + 1 AS cost, at FROM dear WHERE cost > 100;
INSERT INTO out
SELECT id, sum(cost) AS total
FROM TUMBLE(TABLE dearer, DESCRIPTOR(at), INTERVAL '10' SECOND)
WHERE id <> 0
GROUP BY id, window_start, window_end
--------
-- the claim is seen through views
CREATE VIEW v AS SELECT user_id AS id, event_time FROM visits;
INSERT INTO out
SELECT id, count(*) AS n FROM TUMBLE(TABLE v, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY id, window_start, window_end
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
--------
-- decimals
INSERT INTO out
SELECT sum(amount) AS total, min(amount) AS least FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '1' WEEK)
GROUP BY window_start, window_end
--------
-- functions and operators
INSERT INTO out SELECT
  lower(trim(name)) AS a, substring(name FROM 2 FOR 3) AS b, substr(name, 2) AS c, length(name) AS d,
  concat(name, '-', user_id) AS e, nullif(price, 0.0) AS f, abs(quantity) AS g, floor(price) AS h, ceil(price) AS i,
  round(price, 2) AS j, CASE quantity WHEN 1 THEN 'one' ELSE 'more' END AS k, date_trunc('hour', event_time) AS l,
  -price AS m, user_id % 10 AS n, name ILIKE '%x%' AS o, price NOT IN (1, 2) AS p, trim(LEADING 'x' FROM name) AS q,
  -9223372036854775808 AS r, name IS DISTINCT FROM 'a' AS s, NOT ok AS t
FROM clicks
--------
-- casts
INSERT INTO out SELECT
  CAST(quantity AS BIGINT) AS a, price::INT AS b, TRY_CAST(name AS DOUBLE PRECISION) AS c, CAST(event_time AS VARCHAR) AS d,
  CAST(price AS DECIMAL(12, 3)) AS e, CAST(user_id AS BOOLEAN) AS f, CAST('2024-01-01T00:00:00' AS TIMESTAMP) AS g
FROM clicks
--------
-- event time arithmetic
INSERT INTO out SELECT event_time + INTERVAL '1' DAY AS tomorrow FROM clicks WHERE event_time < TIMESTAMP '2030-01-01 00:00:00'
--------
-- quoted names
INSERT INTO out SELECT "user_id" AS "User Id", `price` FROM "clicks"
--------
-- a key in the sink
INSERT INTO counts SELECT user_id, name FROM clicks
