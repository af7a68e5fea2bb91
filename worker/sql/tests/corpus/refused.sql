
=>
1:1: the SQL has no statement; supported statements are CREATE VIEW … AS SELECT … and INSERT INTO … SELECT …
--------
-- only a comment
=>
1:1: the SQL has no statement; supported statements are CREATE VIEW … AS SELECT … and INSERT INTO … SELECT …
--------
SELECT 1
=>
1:1: this statement is not supported; supported statements are CREATE VIEW … AS SELECT … and INSERT INTO … SELECT …
--------
DROP TABLE clicks
=>
1:1: this statement is not supported; supported statements are CREATE VIEW … AS SELECT … and INSERT INTO … SELECT …
--------
INSERT INTO out SELEC user_id FROM clicks
=>
1:17: syntax error: Expected: SELECT, VALUES, or a subquery in the query body, found: SELEC
--------
INSERT INTO out SELECT user_id FROM
=>
1:36: syntax error: Expected: identifier, found: EOF
--------
INSERT INTO out SELECT 'open FROM clicks
=>
1:24: the SQL cannot be read: Unterminated string literal
--------
INSERT INTO nowhere SELECT user_id FROM clicks
=>
1:13: there is no sink 'nowhere'; the job declares no sink
--------
INSERT INTO out SELECT user_id FROM nowhere
=>
1:37: there is no source or view 'nowhere'; known here: clicks, plain, sleepy, visits
--------
INSERT INTO out SELECT user_id FROM out
=>
1:37: 'out' is a sink and cannot be read; declare its topic as a source
--------
INSERT INTO out SELECT user_id FROM a.b
=>
1:37: a.b is not a plain name; names have one part
--------
INSERT INTO out (x) SELECT user_id FROM clicks
=>
1:18: a column list after INSERT INTO is not supported; the columns of a sink are those of its SELECT; name them with AS
--------
INSERT OVERWRITE out SELECT user_id FROM clicks
=>
1:1: this form of INSERT is not supported; the supported form is INSERT INTO sink SELECT …
--------
INSERT INTO out VALUES (1)
=>
1:17: VALUES is not supported; supported clauses are SELECT, FROM, WHERE, GROUP BY and HAVING
--------
INSERT INTO out
SELECT user_id, nothing,
  nobody FROM clicks
WHERE x = 1
=>
2:17: there is no column 'nothing'; columns are user_id, name, event_time, price, quantity, amount, ok
3:3: there is no column 'nobody'; columns are user_id, name, event_time, price, quantity, amount, ok
4:7: there is no column 'x'; columns are user_id, name, event_time, price, quantity, amount, ok
--------
INSERT INTO out SELECT x.user_id FROM clicks AS c
=>
1:24: there is no table 'x' here; the table is called c
--------
INSERT INTO out SELECT price * 2 FROM clicks
=>
1:24: the column price * 2 has no name; write AS name
--------
INSERT INTO out SELECT user_id, price AS user_id FROM clicks
=>
1:33: two columns are called 'user_id'; rename one with AS
--------
INSERT INTO out SELECT user_id AS __id FROM clicks
=>
1:24: the name '__id' starts with '__'; such names are reserved
--------
INSERT INTO out SELECT NULL AS n FROM clicks
=>
1:24: NULL has no type here; write CAST(NULL AS <type>)
--------
INSERT INTO counts SELECT price FROM clicks
=>
1:20: sink 'counts' has no column 'user_id' for its key; its columns are (price DOUBLE)
--------
INSERT INTO out SELECT user_id FROM clicks; INSERT INTO out SELECT price FROM clicks
=>
1:61: this SELECT gives sink 'out' other columns than the first; expected (user_id BIGINT), found (price DOUBLE)
--------
INSERT INTO out SELECT DISTINCT user_id FROM clicks
=>
1:24: SELECT DISTINCT is not supported; supported clauses are SELECT, FROM, WHERE, GROUP BY and HAVING
--------
INSERT INTO out SELECT user_id FROM clicks ORDER BY user_id
=>
1:44: ORDER BY is not supported: a stream has no end to sort at; supported clauses are SELECT, FROM, WHERE, GROUP BY and HAVING
--------
INSERT INTO out SELECT user_id FROM clicks LIMIT 5
=>
1:44: LIMIT is not supported: a stream has no end; supported clauses are SELECT, FROM, WHERE, GROUP BY and HAVING
--------
INSERT INTO out WITH c AS (SELECT * FROM clicks) SELECT * FROM c
=>
1:17: WITH is not supported; use CREATE VIEW
--------
INSERT INTO out SELECT user_id FROM clicks UNION ALL SELECT user_id FROM visits
=>
1:44: UNION is not supported; write one INSERT INTO per SELECT; several may write one sink
--------
INSERT INTO out SELECT user_id FROM (SELECT user_id FROM clicks) t
=>
1:38: a subquery in FROM is not supported; use CREATE VIEW
--------
INSERT INTO out SELECT c.user_id FROM clicks c JOIN visits v ON c.user_id = v.user_id
=>
1:48: JOIN is not supported; supported are FROM table, FROM TUMBLE(TABLE t, DESCRIPTOR(ts), size), FROM HOP(TABLE t, DESCRIPTOR(ts), slide, size) and FROM CUMULATE(TABLE t, DESCRIPTOR(ts), step, size), after which an offset may follow, and FROM SESSION(TABLE t, DESCRIPTOR(ts), gap)
--------
INSERT INTO out SELECT user_id FROM clicks, visits
=>
1:45: FROM names more than one table; supported are FROM table, FROM TUMBLE(TABLE t, DESCRIPTOR(ts), size), FROM HOP(TABLE t, DESCRIPTOR(ts), slide, size) and FROM CUMULATE(TABLE t, DESCRIPTOR(ts), step, size), after which an offset may follow, and FROM SESSION(TABLE t, DESCRIPTOR(ts), gap)
--------
INSERT INTO out SELECT user_id FROM clicks FOR SYSTEM_TIME AS OF event_time
=>
1:37: FROM clicks FOR SYSTEM_TIME AS OF event_time is not supported; supported are FROM table, FROM TUMBLE(TABLE t, DESCRIPTOR(ts), size), FROM HOP(TABLE t, DESCRIPTOR(ts), slide, size) and FROM CUMULATE(TABLE t, DESCRIPTOR(ts), step, size), after which an offset may follow, and FROM SESSION(TABLE t, DESCRIPTOR(ts), gap)
--------
INSERT INTO out SELECT user_id FROM clicks TABLESAMPLE (10 PERCENT)
=>
1:37: FROM clicks TABLESAMPLE (10 PERCENT) is not supported; supported are FROM table, FROM TUMBLE(TABLE t, DESCRIPTOR(ts), size), FROM HOP(TABLE t, DESCRIPTOR(ts), slide, size) and FROM CUMULATE(TABLE t, DESCRIPTOR(ts), step, size), after which an offset may follow, and FROM SESSION(TABLE t, DESCRIPTOR(ts), gap)
--------
INSERT INTO out SELECT user_id FROM clicks QUALIFY row_number() OVER (ORDER BY price) = 1
=>
1:44: QUALIFY is not supported; supported clauses are SELECT, FROM, WHERE, GROUP BY and HAVING
--------
INSERT INTO out SELECT count(*) AS n FROM clicks
=>
1:24: the aggregate count is not possible here; aggregate over FROM TUMBLE(TABLE …), HOP, CUMULATE or SESSION with GROUP BY window_start, window_end, or with GROUP BY and EMIT CHANGES
--------
INSERT INTO out SELECT user_id FROM clicks GROUP BY user_id
=>
1:44: without a window a key has no final row, only a current one; write EMIT CHANGES at the end, and declare the key of the sink, or group by a window
--------
INSERT INTO out SELECT user_id FROM clicks HAVING user_id > 1
=>
1:44: HAVING without GROUP BY is not supported; use WHERE
--------
INSERT INTO out SELECT user_id FROM clicks WHERE count(*) > 1
=>
1:50: the aggregate count is not possible here; aggregate over FROM TUMBLE(TABLE …), HOP, CUMULATE or SESSION with GROUP BY window_start, window_end, or with GROUP BY and EMIT CHANGES
--------
INSERT INTO out SELECT user_id FROM clicks WHERE price
=>
1:50: WHERE is DOUBLE; it must be BOOLEAN
--------
INSERT INTO out SELECT user_id FROM clicks WHERE name > 1 + TRUE
=>
1:57: Cannot coerce arithmetic expression Int64 + Boolean to valid types
--------
INSERT INTO out SELECT now() AS t FROM clicks
=>
1:24: now is not supported: results must be determined by the input alone, so that a replay gives the same rows; use the event time column, or declare a column of the source with metadata: processingTime, which is stamped once
--------
INSERT INTO out SELECT CURRENT_TIMESTAMP AS t FROM clicks
=>
1:24: CURRENT_TIMESTAMP is not supported: results must be determined by the input alone, so that a replay gives the same rows; use the event time column, or declare a column of the source with metadata: processingTime, which is stamped once
--------
INSERT INTO out SELECT user_id FROM clicks WHERE random() < 0.5
=>
1:50: random is not supported: results must be determined by the input alone, so that a replay gives the same rows; use the event time column, or declare a column of the source with metadata: processingTime, which is stamped once
--------
INSERT INTO out SELECT array_agg(price) AS p FROM clicks
=>
1:24: the aggregate array_agg is not possible here; aggregate over FROM TUMBLE(TABLE …), HOP, CUMULATE or SESSION with GROUP BY window_start, window_end, or with GROUP BY and EMIT CHANGES
--------
INSERT INTO out SELECT upper(price, 1) AS p FROM clicks
=>
1:24: Function 'upper' expects 1 arguments but received 2
--------
INSERT INTO out SELECT row_number() OVER (ORDER BY price) AS n FROM clicks
=>
1:24: the function row_number is not supported; supported functions are abs, btrim, ceil, char_length, character_length, coalesce, concat, concat_ws, contains, date_part, date_trunc, ends_with, exp, floor, greatest, least, left, length, ln, log10, log2, lower, lpad, ltrim, nullif, octet_length, power, repeat, replace, reverse, right, round, rpad, rtrim, signum, split_part, sqrt, starts_with, strpos, substr, substring, trim, trunc, upper; in a window count, approx_distinct, approx_count_distinct, sum, min, max, avg, var_pop, var_samp, variance, stddev_pop, stddev_samp, stddev, first_value, last_value, array_agg
--------
INSERT INTO out SELECT upper(name) FILTER (WHERE ok) AS n FROM clicks
=>
1:24: FILTER after upper is not supported; leave it out
--------
INSERT INTO out SELECT (SELECT 1) AS n FROM clicks
=>
1:25: (SELECT 1) is not supported; supported are columns, literals, arithmetic, comparisons, AND, OR, NOT, IS NULL, IN (list), BETWEEN, LIKE, CASE, CAST, TRY_CAST and functions
--------
INSERT INTO out SELECT user_id FROM clicks WHERE EXISTS (SELECT 1 FROM visits)
=>
1:58: EXISTS (SELECT 1 FROM visits) is not supported; supported are columns, literals, arithmetic, comparisons, AND, OR, NOT, IS NULL, IN (list), BETWEEN, LIKE, CASE, CAST, TRY_CAST and functions
--------
INSERT INTO out SELECT user_id FROM clicks WHERE user_id IN (SELECT user_id FROM visits)
=>
1:50: user_id IN (SELECT user_id FROM visits) is not supported; supported are columns, literals, arithmetic, comparisons, AND, OR, NOT, IS NULL, IN (list), BETWEEN, LIKE, CASE, CAST, TRY_CAST and functions
--------
INSERT INTO out SELECT ARRAY[1, 2] AS a FROM clicks
=>
1:30: ARRAY[1, 2] is not supported; supported are columns, literals, arithmetic, comparisons, AND, OR, NOT, IS NULL, IN (list), BETWEEN, LIKE, CASE, CAST, TRY_CAST and functions
--------
INSERT INTO out SELECT user_id & 1 AS a FROM clicks
=>
1:24: the operator & is not supported; supported are columns, literals, arithmetic, comparisons, AND, OR, NOT, IS NULL, IN (list), BETWEEN, LIKE, CASE, CAST, TRY_CAST and functions
--------
INSERT INTO out SELECT CAST(price AS FLOAT) AS a FROM clicks
=>
1:29: type FLOAT is not supported; supported types are BIGINT, INT, DOUBLE, VARCHAR, BOOLEAN, TIMESTAMP and DECIMAL(precision, scale)
--------
INSERT INTO out SELECT CAST(name AS VARCHAR(3)) AS a FROM clicks
=>
1:29: type VARCHAR(3) is not supported; supported types are BIGINT, INT, DOUBLE, VARCHAR, BOOLEAN, TIMESTAMP and DECIMAL(precision, scale)
--------
INSERT INTO out SELECT CAST(event_time AS DATE) AS a FROM clicks
=>
1:29: type DATE is not supported; supported types are BIGINT, INT, DOUBLE, VARCHAR, BOOLEAN, TIMESTAMP and DECIMAL(precision, scale)
--------
INSERT INTO out SELECT CAST('abc' AS BIGINT) AS a FROM clicks
=>
1:29: Cast error: Cannot cast string 'abc' to value of Int64 type
--------
INSERT INTO out SELECT 99999999999999999999 AS a FROM clicks
=>
1:24: the number 99999999999999999999 is out of range; whole numbers have 64 bits; write a decimal point for a DOUBLE
--------
INSERT INTO out SELECT INTERVAL '1' MONTH AS a FROM clicks
=>
1:33: the interval unit MONTH is not supported; write for example INTERVAL '10' SECOND; units are MILLISECOND, SECOND, MINUTE, HOUR, DAY and WEEK
--------
INSERT INTO out SELECT INTERVAL '1' DAY AS a FROM clicks
=>
1:33: this expression gives Interval(MonthDayNano), which is not a column type; supported types are BIGINT, INT, DOUBLE, VARCHAR, BOOLEAN, TIMESTAMP and DECIMAL(precision, scale)
--------
INSERT INTO out SELECT extract(YEAR FROM event_time) AS y FROM clicks
=>
1:42: EXTRACT(YEAR FROM event_time) is not supported; supported are columns, literals, arithmetic, comparisons, AND, OR, NOT, IS NULL, IN (list), BETWEEN, LIKE, CASE, CAST, TRY_CAST and functions
--------
INSERT INTO out SELECT * EXCEPT (price) FROM clicks
=>
1:24: a clause after * is not supported; name the columns
--------
CREATE OR REPLACE VIEW v AS SELECT user_id FROM clicks;
INSERT INTO out SELECT user_id FROM v
=>
1:1: this form of CREATE VIEW is not supported; the supported form is CREATE VIEW name AS SELECT …; name columns with AS
2:37: there is no source or view 'v'; known here: clicks, plain, sleepy, visits
--------
CREATE VIEW clicks AS SELECT user_id FROM visits;
INSERT INTO out SELECT user_id FROM clicks
=>
1:13: the name 'clicks' is taken; sources, sinks and views share one name space
--------
INSERT INTO out SELECT user_id FROM v;
CREATE VIEW v AS SELECT user_id FROM clicks
=>
1:37: there is no source or view 'v'; known here: clicks, plain, sleepy, visits
--------
CREATE VIEW v AS SELECT user_id, array_agg(price LIMIT 3) AS prices
FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY user_id, window_start, window_end;
INSERT INTO out SELECT user_id FROM v
=>
1:34: column 'prices' of a view is ARRAY<DOUBLE>; arrays are columns of sinks; name them in the INSERT
4:37: there is no source or view 'v'; known here: clicks, plain, sleepy, visits
--------
CREATE VIEW v AS SELECT user_id, window_time AS at, count(*) AS n
FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY user_id, window_start, window_end, window_time;
INSERT INTO out SELECT user_id, max(n) AS n FROM TUMBLE(TABLE v, DESCRIPTOR(at), INTERVAL '1' MINUTE)
GROUP BY user_id, window_start, window_end
ALLOWED LATENESS INTERVAL '1' MINUTE
=>
6:1: over results of windows no row is late; leave the clause out; the late rows of the first window are counted
--------
CREATE VIEW v AS SELECT user_id, window_time AS at, count(*) AS n
FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY user_id, window_start, window_end, window_time;
INSERT INTO out SELECT user_id, max(n) AS n FROM TUMBLE(TABLE v, DESCRIPTOR(at), INTERVAL '1' MINUTE)
GROUP BY user_id, window_start, window_end
LATE ROWS INTO late;
INSERT INTO late SELECT user_id FROM clicks
=>
6:1: over results of windows no row is late; leave the clause out; the late rows of the first window are counted
--------
CREATE VIEW v AS SELECT user_id, window_time AS at, count(*) AS n
FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY user_id, window_start, window_end, window_time;
INSERT INTO out SELECT user_id, max(n) AS n FROM TUMBLE(TABLE v, DESCRIPTOR(n), INTERVAL '1' MINUTE)
GROUP BY user_id, window_start, window_end
=>
4:77: 'n' is not the time of the windows that 'v' is over; a window over windows is over their window_time, passed through views unchanged
--------
CREATE VIEW v AS SELECT user_id, window_time AS at, count(*) AS n
FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY user_id, window_start, window_end, window_time;
INSERT INTO out SELECT first_value(n) AS n FROM TUMBLE(TABLE v, DESCRIPTOR(at), INTERVAL '1' MINUTE)
GROUP BY window_start, window_end
=>
4:24: first_value over results of windows is not supported; results of one window have one time, so none of them is the first
--------
CREATE VIEW v AS SELECT user_id, window_time AS at, count(*) AS n
FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY user_id, window_start, window_end, window_time;
INSERT INTO out SELECT event_time FROM v
=>
4:24: there is no column 'event_time'; columns are user_id, at, n
--------
CREATE VIEW v AS SELECT user_id, window_time, count(*) AS n
FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY user_id, window_start, window_end, window_time;
INSERT INTO out SELECT max(n) AS n FROM TUMBLE(TABLE v, DESCRIPTOR(window_time), INTERVAL '1' MINUTE)
GROUP BY window_start, window_end
=>
4:41: 'v' has a column window_time, which TUMBLE adds; rename the column in a view
--------
CREATE VIEW v AS SELECT user_id, window_time AS at, count(*) AS n
FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY user_id, window_start, window_end, window_time;
CREATE VIEW w AS SELECT user_id, at + INTERVAL '1' SECOND AS later, n FROM v;
INSERT INTO out SELECT max(n) AS n FROM TUMBLE(TABLE w, DESCRIPTOR(later), INTERVAL '1' MINUTE)
GROUP BY window_start, window_end
=>
5:68: 'later' is not the time of the windows that 'w' is over; a window over windows is over their window_time, passed through views unchanged
--------
INSERT INTO out SELECT user_id FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
=>
1:17: rows of a window must be grouped; GROUP BY names window_start and window_end, and further keys: columns or expressions over them
--------
INSERT INTO out SELECT count(*) AS n FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY user_id, window_end
=>
2:1: GROUP BY lacks window_start; GROUP BY names window_start and window_end, and further keys: columns or expressions over them
--------
INSERT INTO out SELECT user_id, price, count(*) AS n
FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY user_id, window_start, window_end
=>
1:33: 'price' is neither in GROUP BY nor in an aggregate; add it to GROUP BY, or aggregate it
--------
INSERT INTO out SELECT count(*) AS n FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY 1, window_start, window_end
=>
2:10: 1 in GROUP BY is a constant, not a column's position; GROUP BY names window_start and window_end, and further keys: columns or expressions over them
--------
INSERT INTO out SELECT count(*) AS n FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY ROLLUP(user_id), window_start, window_end
=>
2:10: the function ROLLUP is not supported; supported functions are abs, btrim, ceil, char_length, character_length, coalesce, concat, concat_ws, contains, date_part, date_trunc, ends_with, exp, floor, greatest, least, left, length, ln, log10, log2, lower, lpad, ltrim, nullif, octet_length, power, repeat, replace, reverse, right, round, rpad, rtrim, signum, split_part, sqrt, starts_with, strpos, substr, substring, trim, trunc, upper; in a window count, approx_distinct, approx_count_distinct, sum, min, max, avg, var_pop, var_samp, variance, stddev_pop, stddev_samp, stddev, first_value, last_value, array_agg
--------
INSERT INTO out SELECT count(*) AS n FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY ALL
=>
2:1: this form of GROUP BY is not supported; name the keys, window_start and window_end
--------
INSERT INTO out SELECT * FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY user_id, window_start, window_end
=>
1:24: * is not possible with GROUP BY; name the columns
--------
INSERT INTO out SELECT count(*) AS n FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
WHERE window_start > TIMESTAMP '2024-01-01 00:00:00'
GROUP BY window_start, window_end
=>
2:7: window_start is not known before the rows are grouped; use it in SELECT, GROUP BY and HAVING, not in WHERE or in an aggregate
--------
INSERT INTO out SELECT sum(DISTINCT user_id) AS n
FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND) GROUP BY window_start, window_end
=>
1:24: DISTINCT or ALL in sum is not supported; leave it out
--------
INSERT INTO out SELECT sum(max(price)) AS n
FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND) GROUP BY window_start, window_end
=>
1:28: the aggregate max is not possible here; aggregates stand in SELECT and HAVING, and not inside each other
--------
INSERT INTO out SELECT sum(name) AS n, avg(amount) AS a, max(ok) AS m, count() AS c
FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND) GROUP BY window_start, window_end
=>
1:24: sum does not take VARCHAR; it takes numbers
1:40: avg does not take DECIMAL(10, 2); cast it to DOUBLE
1:58: max does not take BOOLEAN; it takes numbers, text and times
1:72: count does not take these arguments; write count(*) or count(x)
--------
INSERT INTO out SELECT count(*) AS n
FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND) GROUP BY window_start, window_end HAVING 1
=>
2:114: HAVING is BIGINT; it must be BOOLEAN
--------
INSERT INTO out SELECT count(*) AS n FROM TUMBLE(clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY window_start, window_end
=>
1:50: clicks is not a table argument; write TABLE name
--------
INSERT INTO out SELECT count(*) AS n FROM TUMBLE(TABLE clicks, event_time, INTERVAL '10' SECOND)
GROUP BY window_start, window_end
=>
1:64: event_time is not a time column; write DESCRIPTOR(column)
--------
INSERT INTO out SELECT count(*) AS n FROM TUMBLE(TABLE clicks, DESCRIPTOR(price), INTERVAL '10' SECOND)
GROUP BY window_start, window_end
=>
1:75: 'price' is not the event time of source 'clicks'; windows are over the watermark column 'event_time', passed through views unchanged
--------
CREATE VIEW v AS SELECT user_id, event_time + INTERVAL '1' HOUR AS event_time FROM clicks;
INSERT INTO out SELECT count(*) AS n FROM TUMBLE(TABLE v, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY window_start, window_end
=>
2:70: 'event_time' is not the event time of source 'clicks'; windows are over the watermark column 'event_time', passed through views unchanged
--------
CREATE VIEW v AS SELECT user_id FROM clicks;
INSERT INTO out SELECT count(*) AS n FROM TUMBLE(TABLE v, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY window_start, window_end
=>
2:70: 'v' has no column 'event_time'; columns are user_id
--------
CREATE VIEW v AS SELECT user_id AS window_start, event_time FROM clicks;
INSERT INTO out SELECT count(*) AS n FROM TUMBLE(TABLE v, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY window_start, window_end
=>
2:43: 'v' has a column window_start, which TUMBLE adds; rename the column in a view
--------
INSERT INTO out SELECT count(*) AS n FROM TUMBLE(TABLE plain, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY window_start, window_end
=>
1:74: source 'plain' has no watermark, so its windows would never end; declare watermark.column on the source
--------
INSERT INTO out SELECT count(*) AS n FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '0' SECOND)
GROUP BY window_start, window_end
=>
1:43: window size and slide must be greater than zero; supported are FROM table, FROM TUMBLE(TABLE t, DESCRIPTOR(ts), size), FROM HOP(TABLE t, DESCRIPTOR(ts), slide, size) and FROM CUMULATE(TABLE t, DESCRIPTOR(ts), step, size), after which an offset may follow, and FROM SESSION(TABLE t, DESCRIPTOR(ts), gap)
--------
INSERT INTO out SELECT count(*) AS n FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), 10)
GROUP BY window_start, window_end
=>
1:88: 10 is not an interval; write INTERVAL '10' SECOND
--------
INSERT INTO out SELECT count(*) AS n FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10 seconds')
GROUP BY window_start, window_end
=>
1:97: the interval has no unit; write for example INTERVAL '10' SECOND; units are MILLISECOND, SECOND, MINUTE, HOUR, DAY and WEEK
--------
INSERT INTO out SELECT count(*) AS n FROM TUMBLE(TABLE clicks)
GROUP BY window_start, window_end
=>
1:43: TUMBLE lacks arguments; supported are FROM table, FROM TUMBLE(TABLE t, DESCRIPTOR(ts), size), FROM HOP(TABLE t, DESCRIPTOR(ts), slide, size) and FROM CUMULATE(TABLE t, DESCRIPTOR(ts), step, size), after which an offset may follow, and FROM SESSION(TABLE t, DESCRIPTOR(ts), gap)
--------
INSERT INTO out SELECT count(*) AS n FROM HOP(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY window_start, window_end
=>
1:43: HOP takes 2 interval(s) and an optional offset; supported are FROM table, FROM TUMBLE(TABLE t, DESCRIPTOR(ts), size), FROM HOP(TABLE t, DESCRIPTOR(ts), slide, size) and FROM CUMULATE(TABLE t, DESCRIPTOR(ts), step, size), after which an offset may follow, and FROM SESSION(TABLE t, DESCRIPTOR(ts), gap)
--------
INSERT INTO out SELECT count(*) AS n
FROM HOP(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND, INTERVAL '5' SECOND)
GROUP BY window_start, window_end
=>
2:6: the slide is greater than the size: rows between two windows would be in none; supported are FROM table, FROM TUMBLE(TABLE t, DESCRIPTOR(ts), size), FROM HOP(TABLE t, DESCRIPTOR(ts), slide, size) and FROM CUMULATE(TABLE t, DESCRIPTOR(ts), step, size), after which an offset may follow, and FROM SESSION(TABLE t, DESCRIPTOR(ts), gap)
--------
INSERT INTO out SELECT count(*) AS n FROM WINDOWS(TABLE clicks)
GROUP BY window_start, window_end
=>
1:43: there is no table function WINDOWS; supported are FROM table, FROM TUMBLE(TABLE t, DESCRIPTOR(ts), size), FROM HOP(TABLE t, DESCRIPTOR(ts), slide, size) and FROM CUMULATE(TABLE t, DESCRIPTOR(ts), step, size), after which an offset may follow, and FROM SESSION(TABLE t, DESCRIPTOR(ts), gap)
--------
INSERT INTO out SELECT count(*) AS n FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY window_start, window_end;
INSERT INTO out SELECT count(*) AS n FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '20' SECOND)
GROUP BY window_start, window_end
=>
3:17: two windows write sink 'out'; state is found again by the sink's name: give each window a sink of its own
--------
INSERT INTO out SELECT nothing FROM clicks;
INSERT INTO other SELECT nobody FROM clicks
=>
1:24: there is no column 'nothing'; columns are user_id, name, event_time, price, quantity, amount, ok
2:26: there is no column 'nobody'; columns are user_id, name, event_time, price, quantity, amount, ok
--------
INSERT INTO out SELECT count(*) AS n
FROM CUMULATE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '4' SECOND, INTERVAL '10' SECOND)
GROUP BY window_start, window_end
=>
2:6: the size of CUMULATE must be a multiple of its step; supported are FROM table, FROM TUMBLE(TABLE t, DESCRIPTOR(ts), size), FROM HOP(TABLE t, DESCRIPTOR(ts), slide, size) and FROM CUMULATE(TABLE t, DESCRIPTOR(ts), step, size), after which an offset may follow, and FROM SESSION(TABLE t, DESCRIPTOR(ts), gap)
--------
INSERT INTO out SELECT count(*) AS n
FROM CUMULATE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '4' SECOND)
GROUP BY window_start, window_end
=>
2:6: CUMULATE takes 2 interval(s) and an optional offset; supported are FROM table, FROM TUMBLE(TABLE t, DESCRIPTOR(ts), size), FROM HOP(TABLE t, DESCRIPTOR(ts), slide, size) and FROM CUMULATE(TABLE t, DESCRIPTOR(ts), step, size), after which an offset may follow, and FROM SESSION(TABLE t, DESCRIPTOR(ts), gap)
--------
INSERT INTO out SELECT count(*) AS n
FROM CUMULATE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '0' SECOND, INTERVAL '4' SECOND)
GROUP BY window_start, window_end
=>
2:6: window size and step must be greater than zero; supported are FROM table, FROM TUMBLE(TABLE t, DESCRIPTOR(ts), size), FROM HOP(TABLE t, DESCRIPTOR(ts), slide, size) and FROM CUMULATE(TABLE t, DESCRIPTOR(ts), step, size), after which an offset may follow, and FROM SESSION(TABLE t, DESCRIPTOR(ts), gap)
--------
INSERT INTO out SELECT user_id FROM clicks WHERE ok ALLOWED LATENESS INTERVAL '1' HOUR
=>
1:53: ALLOWED LATENESS needs a window; write ALLOWED LATENESS INTERVAL '1' MINUTE or LATE ROWS INTO sink at the end of an INSERT over windows
--------
CREATE VIEW v AS SELECT user_id FROM clicks WHERE ok ALLOWED LATENESS INTERVAL '1' HOUR; INSERT INTO out SELECT user_id FROM clicks
=>
1:54: ALLOWED LATENESS is not possible in a view; write ALLOWED LATENESS INTERVAL '1' MINUTE or LATE ROWS INTO sink at the end of an INSERT over windows
--------
INSERT INTO out SELECT count(*) AS n
FROM HOP(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '1' SECOND, INTERVAL '10' MINUTE)
GROUP BY window_start, window_end
ALLOWED LATENESS INTERVAL '1' HOUR
=>
2:6: a late row would fire 600 windows again; with allowed lateness a row may be in at most 100; use a longer slide or step
--------
INSERT INTO out SELECT count(*) AS n
FROM HOP(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '1' SECOND, INTERVAL '10' MINUTE)
GROUP BY window_start, window_end
ALLOWED LATENESS 5
=>
4:18: 5 is not an interval; write ALLOWED LATENESS INTERVAL '1' MINUTE or LATE ROWS INTO sink at the end of an INSERT over windows
--------
INSERT INTO out SELECT count(*) AS n
FROM HOP(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '1' SECOND, INTERVAL '10' MINUTE)
GROUP BY window_start, window_end
ALLOWED LATENESS INTERVAL '-5' SECOND
=>
4:18: the allowed lateness is negative; write ALLOWED LATENESS INTERVAL '1' MINUTE or LATE ROWS INTO sink at the end of an INSERT over windows
--------
INSERT INTO out SELECT count(*) AS n
FROM HOP(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '1' SECOND, INTERVAL '10' MINUTE)
GROUP BY window_start, window_end
ALLOWED LATENESS INTERVAL '5' SECOND ALLOWED LATENESS INTERVAL '5' SECOND
=>
4:38: ALLOWED LATENESS stands twice; write ALLOWED LATENESS INTERVAL '1' MINUTE or LATE ROWS INTO sink at the end of an INSERT over windows
--------
INSERT INTO out SELECT count(*) AS n
FROM HOP(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '1' SECOND, INTERVAL '10' MINUTE)
GROUP BY window_start, window_end
ALLOWED LATENCY INTERVAL '5' SECOND
=>
4:1: 'ALLOWED' is not expected here
--------
INSERT INTO out SELECT count(*) AS n
FROM HOP(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '1' SECOND, INTERVAL '10' MINUTE)
GROUP BY window_start, window_end
ALLOWED LATENESS
=>
4:17: syntax error: Expected: an expression, found: EOF
--------
INSERT INTO out SELECT count(*) AS n
FROM HOP(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '1' SECOND, INTERVAL '10' MINUTE)
GROUP BY window_start, window_end
EMIT CHANGES
=>
1:17: EMIT CHANGES writes sink 'out', which has no key: nothing would say which row a later one replaces; declare key of the sink: the columns that are window_start or window_end or window_time
--------
INSERT INTO out SELECT user_id FROM clicks WHERE ok LATE ROWS INTO late
=>
1:53: LATE ROWS INTO needs a window; write ALLOWED LATENESS INTERVAL '1' MINUTE or LATE ROWS INTO sink at the end of an INSERT over windows
--------
INSERT INTO out SELECT count(*) AS n
FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY window_start, window_end
LATE ROWS INTO nowhere
=>
4:16: there is no sink 'nowhere'; sinks are out
--------
INSERT INTO out SELECT count(*) AS n
FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY window_start, window_end
LATE ROWS INTO out
=>
4:16: this SELECT gives sink 'out' other columns than the first; expected (n BIGINT), found (user_id BIGINT, name VARCHAR, event_time TIMESTAMP, price DOUBLE, quantity INT, amount DECIMAL(10, 2), ok BOOLEAN, late_reason VARCHAR, window_start TIMESTAMP, window_end TIMESTAMP, late_by BIGINT)
--------
INSERT INTO out SELECT count(*) AS n
FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY window_start, window_end
LATE ROWS INTO
=>
4:15: syntax error: Expected: identifier, found: EOF
--------
INSERT INTO out SELECT count(*) AS n
FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY window_start, window_end
LATE ROWS INTO late LATE ROWS INTO late
=>
4:21: LATE ROWS INTO stands twice; write ALLOWED LATENESS INTERVAL '1' MINUTE or LATE ROWS INTO sink at the end of an INSERT over windows
--------
INSERT INTO out SELECT count(*) AS n
FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY window_start, window_end
LATE ROWS TO late
=>
4:1: 'LATE' is not expected here
--------
CREATE VIEW v AS SELECT event_time, price AS late_by FROM clicks;
INSERT INTO out SELECT count(*) AS n
FROM TUMBLE(TABLE v, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY window_start, window_end
LATE ROWS INTO late
=>
5:16: the rows have a column late_by, which LATE ROWS INTO adds; rename the column in a view
--------
INSERT INTO out SELECT count(*) FILTER (WHERE price) AS n FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY window_start, window_end
=>
1:47: FILTER is DOUBLE; it must be BOOLEAN
--------
INSERT INTO out SELECT count(*) FILTER (WHERE count(*) > 1) AS n FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY window_start, window_end
=>
1:47: the aggregate count is not possible here; aggregates stand in SELECT and HAVING, and not inside each other
--------
INSERT INTO out SELECT stddev(name) AS n FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY window_start, window_end
=>
1:24: stddev does not take VARCHAR; it takes numbers
--------
INSERT INTO out SELECT stddev(price, price) AS n FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY window_start, window_end
=>
1:24: stddev does not take these arguments; write one argument
--------
INSERT INTO out SELECT max(DISTINCT name) AS n FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY window_start, window_end
=>
1:24: DISTINCT or ALL in max is not supported; leave it out
--------
INSERT INTO out SELECT sum(price) FILTER (WHERE nothing) AS n FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY window_start, window_end
=>
1:49: there is no column 'nothing'; columns are user_id, name, event_time, price, quantity, amount, ok
--------
-- a session that grows leaves its earlier row
INSERT INTO out SELECT user_id, count(*) AS n FROM SESSION(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY user_id, window_start, window_end
ALLOWED LATENESS INTERVAL '1' SECOND
=>
4:1: ALLOWED LATENESS is not possible with SESSION: a session that grows ends later, and its earlier row would stay; LATE ROWS INTO sink keeps what comes late
--------
-- a session has no offset
INSERT INTO out SELECT count(*) AS n FROM SESSION(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND, INTERVAL '1' SECOND)
GROUP BY window_start, window_end
=>
2:43: SESSION takes 1 interval(s); supported are FROM table, FROM TUMBLE(TABLE t, DESCRIPTOR(ts), size), FROM HOP(TABLE t, DESCRIPTOR(ts), slide, size) and FROM CUMULATE(TABLE t, DESCRIPTOR(ts), step, size), after which an offset may follow, and FROM SESSION(TABLE t, DESCRIPTOR(ts), gap)
--------
INSERT INTO out SELECT count(*) AS n FROM SESSION(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '0' SECOND)
GROUP BY window_start, window_end
=>
1:43: the gap of SESSION must be greater than zero; supported are FROM table, FROM TUMBLE(TABLE t, DESCRIPTOR(ts), size), FROM HOP(TABLE t, DESCRIPTOR(ts), slide, size) and FROM CUMULATE(TABLE t, DESCRIPTOR(ts), step, size), after which an offset may follow, and FROM SESSION(TABLE t, DESCRIPTOR(ts), gap)
--------
INSERT INTO out SELECT user_id, array_agg(price) AS p
FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY user_id, window_start, window_end
=>
1:33: array_agg has no LIMIT: its arrays could grow for ever; write array_agg(x LIMIT n), n from 1 to 10000: the first n values by event time are kept
--------
INSERT INTO out SELECT user_id, array_agg(price LIMIT 0) AS p
FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY user_id, window_start, window_end
=>
1:55: LIMIT 0 of array_agg is not possible; write array_agg(x LIMIT n), n from 1 to 10000: the first n values by event time are kept
--------
INSERT INTO out SELECT user_id, array_agg(price LIMIT 10001) AS p
FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY user_id, window_start, window_end
=>
1:55: LIMIT 10001 of array_agg is not possible; write array_agg(x LIMIT n), n from 1 to 10000: the first n values by event time are kept
--------
INSERT INTO out SELECT user_id, array_agg(price ORDER BY price LIMIT 2) AS p
FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY user_id, window_start, window_end
=>
1:33: ORDER BY price in array_agg is not supported; write array_agg(x LIMIT n), n from 1 to 10000: the first n values by event time are kept
--------
INSERT INTO out SELECT user_id, array_agg(DISTINCT price LIMIT 2) AS p
FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY user_id, window_start, window_end
=>
1:33: DISTINCT or ALL in array_agg is not supported; leave it out
--------
INSERT INTO out SELECT user_id, array_agg(* LIMIT 2) AS p
FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY user_id, window_start, window_end
=>
1:33: array_agg does not take these arguments; write one argument
--------
INSERT INTO out SELECT user_id, array_agg(price LIMIT 2) IS NULL AS p
FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY user_id, window_start, window_end
=>
1:33: the array array_agg(price LIMIT 2) is part of an expression; an array can be a column of a sink and nothing else
--------
INSERT INTO out SELECT user_id, count(*) AS n
FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY user_id, window_start, window_end
HAVING array_agg(price LIMIT 2) IS NOT NULL
=>
4:8: the array array_agg(price LIMIT 2) is part of an expression; an array can be a column of a sink and nothing else
--------
-- an array is no key
INSERT INTO counts SELECT array_agg(price LIMIT 2) AS user_id
FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY user_id, window_start, window_end
=>
2:20: column 'user_id' of sink 'counts' is ARRAY<DOUBLE>; a key consists of single values
--------
INSERT INTO out SELECT user_id, sum(DISTINCT price) AS p
FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY user_id, window_start, window_end
=>
1:33: DISTINCT or ALL in sum is not supported; leave it out
--------
INSERT INTO out SELECT user_id, count(DISTINCT *) AS p
FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY user_id, window_start, window_end
=>
1:33: count does not take these arguments; write one argument
--------
INSERT INTO out SELECT user_id, count(DISTINCT name, price) AS p
FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY user_id, window_start, window_end
=>
1:33: count does not take these arguments; write one argument
--------
INSERT INTO out SELECT user_id, first_value(name, price) AS p
FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY user_id, window_start, window_end
=>
1:33: first_value does not take these arguments; write one argument
--------
INSERT INTO out SELECT user_id, last_value(price) OVER (PARTITION BY user_id) AS p
FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY user_id, window_start, window_end
=>
1:33: OVER after last_value is not supported; leave it out
--------
INSERT INTO out SELECT user_id, first_value(price) IGNORE NULLS AS p
FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY user_id, window_start, window_end
=>
1:33: IGNORE or RESPECT NULLS after first_value is not supported; leave it out
--------
INSERT INTO counts SELECT user_id, count(*) AS n FROM clicks GROUP BY user_id
=>
1:62: without a window a key has no final row, only a current one; write EMIT CHANGES at the end, and declare the key of the sink, or group by a window
--------
INSERT INTO counts SELECT user_id, count(*) AS n FROM clicks GROUP BY user_id
EMIT CHANGES
=>
1:62: without a window nothing bounds the state: every key would be kept for ever; write STATE TTL INTERVAL '1' DAY at the end, after which a key without rows is forgotten, or STATE TTL NONE where the keys are few enough to be kept for ever
--------
INSERT INTO counts SELECT user_id, count(*) AS n FROM clicks GROUP BY user_id
EMIT ON WINDOW CLOSE STATE TTL NONE
=>
2:1: EMIT ON WINDOW CLOSE needs a window; write EMIT CHANGES
--------
INSERT INTO counts SELECT user_id, count(*) AS n FROM clicks GROUP BY user_id
EMIT CHANGES STATE TTL INTERVAL '0' SECOND
=>
2:24: the TTL must be greater than zero, and not longer than event time reaches; write STATE TTL INTERVAL '1' DAY, or STATE TTL NONE, at the end of an INSERT
--------
INSERT INTO counts SELECT user_id, count(*) AS n FROM clicks GROUP BY user_id
EMIT CHANGES STATE TTL 5
=>
2:24: 5 is not an interval; write STATE TTL INTERVAL '1' DAY, or STATE TTL NONE, at the end of an INSERT
--------
INSERT INTO counts SELECT user_id, count(*) AS n FROM clicks GROUP BY user_id
EMIT CHANGES STATE TTL NONE EMIT CHANGES
=>
2:29: EMIT stands twice; write EMIT CHANGES or EMIT ON WINDOW CLOSE at the end of an INSERT with GROUP BY
--------
INSERT INTO counts SELECT user_id, count(*) AS n FROM clicks GROUP BY user_id
EMIT CHANGES STATE TTL NONE STATE TTL INTERVAL '1' DAY
=>
2:29: STATE TTL stands twice; write STATE TTL INTERVAL '1' DAY, or STATE TTL NONE, at the end of an INSERT
--------
INSERT INTO counts SELECT user_id, count(*) AS n FROM clicks GROUP BY user_id
EMIT CHANGES STATE TTL NONE ALLOWED LATENESS INTERVAL '1' DAY
=>
2:29: ALLOWED LATENESS needs a window: without one a row counts until its key is forgotten; a longer STATE TTL keeps keys longer
--------
INSERT INTO counts SELECT user_id, count(*) AS n FROM clicks GROUP BY user_id
EMIT CHANGES STATE TTL NONE LATE ROWS INTO late;
INSERT INTO late SELECT user_id FROM clicks
=>
2:29: no row is late where keys are kept for ever; leave LATE ROWS INTO out
--------
INSERT INTO out SELECT user_id, count(*) AS n FROM clicks GROUP BY user_id
EMIT CHANGES STATE TTL NONE
=>
1:17: EMIT CHANGES writes sink 'out', which has no key: nothing would say which row a later one replaces; declare key of the sink: the columns that are user_id
--------
INSERT INTO counts SELECT user_id, name, count(*) AS n FROM clicks GROUP BY user_id, name
EMIT CHANGES STATE TTL NONE
=>
1:20: the key of sink 'counts' lacks name, which is in GROUP BY; declare key of the sink: the columns that are user_id, name
--------
INSERT INTO counts SELECT max(user_id) AS user_id, name FROM clicks GROUP BY name
EMIT CHANGES STATE TTL NONE
=>
1:20: column 'user_id' of the key of sink 'counts' is no column of GROUP BY; declare key of the sink: the columns that are name
--------
INSERT INTO counts SELECT user_id, count(*) AS n
FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY user_id, window_start, window_end
EMIT CHANGES
=>
1:20: the key of sink 'counts' does not tell windows apart; declare key of the sink: the columns that are user_id, and window_start or window_end or window_time
--------
INSERT INTO windows SELECT user_id, window_end, count(*) AS n
FROM SESSION(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY user_id, window_start, window_end
EMIT CHANGES
=>
4:1: EMIT CHANGES is not possible with SESSION: a session that grows ends later, and its earlier row would stay; leave it out, or GROUP BY without a window and STATE TTL as the gap
--------
INSERT INTO windows SELECT user_id, window_end, count(*) AS n
FROM HOP(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '1' SECOND, INTERVAL '10' MINUTE)
GROUP BY user_id, window_start, window_end
EMIT CHANGES
=>
2:6: a row would change 600 windows; with changes a row may be in at most 100; use a longer slide or step
--------
INSERT INTO windows SELECT user_id, window_end, count(*) AS n
FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY user_id, window_start, window_end
STATE TTL INTERVAL '1' DAY
=>
4:1: STATE TTL is not possible over windows: their state goes when they end; leave it out; ALLOWED LATENESS keeps windows longer
--------
INSERT INTO out SELECT user_id FROM clicks WHERE ok EMIT CHANGES
=>
1:53: EMIT CHANGES needs a window; write EMIT CHANGES or EMIT ON WINDOW CLOSE at the end of an INSERT with GROUP BY
--------
CREATE VIEW v AS SELECT user_id FROM clicks WHERE ok STATE TTL NONE; INSERT INTO out SELECT user_id FROM clicks
=>
1:54: STATE TTL is not possible in a view; write STATE TTL INTERVAL '1' DAY, or STATE TTL NONE, at the end of an INSERT
--------
CREATE VIEW v AS SELECT user_id, count(*) AS n FROM clicks GROUP BY user_id;
INSERT INTO counts SELECT user_id, n FROM v WHERE n > 2 EMIT CHANGES STATE TTL NONE
=>
1:18: what GROUP BY without a window, or ROW_NUMBER, gives is no view: it is not known when a key is complete; write it as an INSERT
2:43: there is no source or view 'v'; known here: clicks, plain, sleepy, visits
--------
CREATE VIEW v AS SELECT user_id, window_time AS at, count(*) AS n
FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND) GROUP BY user_id, window_start, window_end, window_time;
INSERT INTO counts SELECT user_id, max(n) AS n FROM v GROUP BY user_id EMIT CHANGES STATE TTL NONE
=>
3:55: GROUP BY without a window over results of windows is not supported; put a window over them, by their window_time
--------
INSERT INTO counts SELECT user_id, count(*) AS n FROM plain GROUP BY user_id
EMIT CHANGES STATE TTL INTERVAL '1' DAY
=>
1:55: STATE TTL is in event time, and the source has no watermark; declare watermark.column on the source
--------
INSERT INTO counts SELECT user_id, last_value(price) AS p FROM plain GROUP BY user_id
EMIT CHANGES STATE TTL NONE
=>
1:64: last_value(price) is by event time, and the source has no watermark; declare watermark.column on the source
--------
INSERT INTO counts SELECT user_id, count(*) AS n FROM clicks GROUP BY user_id EMIT CHANGES STATE TTL NONE;
INSERT INTO counts SELECT user_id, user_id AS n FROM clicks
=>
2:20: sink 'counts' gets changes, and another statement writes it; which of two rows with one key came last would not be determined: write one sink each
--------
INSERT INTO counts SELECT user_id, window_start, count(*) AS n FROM clicks GROUP BY user_id
EMIT CHANGES STATE TTL NONE
=>
1:36: there is no column 'window_start'; columns are user_id, name, event_time, price, quantity, amount, ok
--------
INSERT INTO out SELECT user_id FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY event_time) AS n FROM clicks) WHERE n = 1
=>
1:119: without a window nothing bounds the state: every key would be kept for ever; write STATE TTL INTERVAL '1' DAY at the end, after which a key without rows is forgotten, or STATE TTL NONE where the keys are few enough to be kept for ever
--------
INSERT INTO out SELECT user_id FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY event_time) AS n FROM clicks) WHERE n = 1
EMIT CHANGES STATE TTL NONE
=>
2:1: the first row of a key does not change; leave EMIT CHANGES out, or ORDER BY time DESC
--------
INSERT INTO counts SELECT user_id FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY event_time DESC) AS n FROM clicks) WHERE n = 1
STATE TTL NONE
=>
1:127: without a window a key has no final row, only a current one; write EMIT CHANGES at the end, and declare the key of the sink, or group by a window
--------
INSERT INTO out SELECT user_id FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY event_time) AS n FROM clicks) WHERE n <= 3
STATE TTL NONE
=>
1:119: without a window a key has no final row, only a current one; write EMIT CHANGES at the end, and declare the key of the sink, or group by a window
--------
INSERT INTO out SELECT user_id FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY event_time) AS n FROM clicks) WHERE price > 1
STATE TTL NONE
=>
1:127: nothing says up to which n rows are taken; write n <= 10, up to 1000
--------
INSERT INTO out SELECT user_id FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY price) AS n FROM clicks) WHERE n = 1
STATE TTL NONE
=>
1:114: without a window a key has no final row, only a current one; write EMIT CHANGES at the end, and declare the key of the sink, or group by a window
--------
INSERT INTO out SELECT user_id FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY event_time, price) AS n FROM clicks) WHERE n = 1
STATE TTL NONE
=>
1:126: without a window a key has no final row, only a current one; write EMIT CHANGES at the end, and declare the key of the sink, or group by a window
--------
INSERT INTO out SELECT user_id FROM (SELECT *, ROW_NUMBER() OVER (ORDER BY event_time) AS n FROM clicks) WHERE n = 1
STATE TTL NONE
=>
1:48: ROW_NUMBER without PARTITION BY would have one key; the supported form is SELECT … FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY key ORDER BY column [DESC]) AS n FROM t) WHERE n <= 10
--------
INSERT INTO out SELECT user_id FROM (SELECT *, RANK() OVER (PARTITION BY user_id ORDER BY event_time) AS n FROM clicks) WHERE n = 1
STATE TTL NONE
=>
1:48: RANK() in a subquery is not supported; the supported form is SELECT … FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY key ORDER BY column [DESC]) AS n FROM t) WHERE n <= 10
--------
INSERT INTO out SELECT user_id, n FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY event_time) AS n FROM clicks) WHERE n = 1
STATE TTL NONE
=>
1:33: there is no column 'n'; columns are user_id, name, event_time, price, quantity, amount, ok
--------
INSERT INTO out SELECT user_id, count(*) AS c FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY event_time) AS n FROM clicks) WHERE n = 1
GROUP BY user_id STATE TTL NONE
=>
2:1: GROUP BY and HAVING over a subquery are not supported; the supported form is SELECT … FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY key ORDER BY column [DESC]) AS n FROM t) WHERE n <= 10
--------
INSERT INTO out SELECT user_id FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY event_time) AS n FROM plain) WHERE n = 1
STATE TTL NONE
=>
1:48: the source has no watermark, so its rows have no order; declare watermark.column on the source
--------
INSERT INTO out SELECT user_id, sum(price) OVER (PARTITION BY user_id ORDER BY event_time ROWS BETWEEN 3 PRECEDING AND CURRENT ROW) AS s FROM clicks
=>
1:44: nothing bounds the state: the last rows of every key would be kept for ever; write STATE TTL INTERVAL '1' DAY at the end, after which a key without rows is forgotten, or STATE TTL NONE where the keys are few enough to be kept for ever
--------
INSERT INTO out SELECT user_id FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY price) AS n FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)) WHERE price > 1
=>
1:199: nothing says up to which n rows are taken; write n <= 10, up to 1000
--------
INSERT INTO out SELECT user_id FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY price) AS n FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)) 
=>
1:17: nothing says up to which n rows are taken; write n <= 10, up to 1000
--------
INSERT INTO out SELECT user_id FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY price) AS n FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)) WHERE n <= 1001
=>
1:205: rows up to n = 1001 are not taken; write n <= 10, up to 1000
--------
INSERT INTO out SELECT user_id FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY price) AS n FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)) WHERE n < 1
=>
1:205: rows up to n = 0 are not taken; write n <= 10, up to 1000
--------
INSERT INTO out SELECT user_id FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY price) AS n FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)) WHERE n >= 2
=>
1:199: nothing says up to which n rows are taken; write n <= 10, up to 1000
--------
INSERT INTO out SELECT user_id FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY price) AS n FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)) WHERE n <= user_id
=>
1:199: nothing says up to which n rows are taken; write n <= 10, up to 1000
--------
INSERT INTO out SELECT user_id FROM (SELECT *, RANK() OVER (PARTITION BY window_start, window_end ORDER BY price) AS n FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)) WHERE n <= 3
=>
1:48: RANK() in a subquery is not supported; the supported form is SELECT … FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end, key ORDER BY column [DESC]) AS n FROM TUMBLE(…)) WHERE n <= 10; HOP, CUMULATE, SESSION and a view over windows are possible too
--------
INSERT INTO out SELECT user_id FROM (SELECT *, DENSE_RANK() OVER (PARTITION BY window_start, window_end ORDER BY price) AS n FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)) WHERE n <= 3
=>
1:48: DENSE_RANK() in a subquery is not supported; the supported form is SELECT … FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end, key ORDER BY column [DESC]) AS n FROM TUMBLE(…)) WHERE n <= 10; HOP, CUMULATE, SESSION and a view over windows are possible too
--------
INSERT INTO out SELECT user_id FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, user_id ORDER BY price) AS n FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)) WHERE n <= 3
=>
1:48: PARTITION BY lacks window_end; the supported form is SELECT … FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end, key ORDER BY column [DESC]) AS n FROM TUMBLE(…)) WHERE n <= 10; HOP, CUMULATE, SESSION and a view over windows are possible too
--------
INSERT INTO out SELECT user_id FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_end ORDER BY price) AS n FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)) WHERE n <= 3
=>
1:48: PARTITION BY lacks window_start; the supported form is SELECT … FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end, key ORDER BY column [DESC]) AS n FROM TUMBLE(…)) WHERE n <= 10; HOP, CUMULATE, SESSION and a view over windows are possible too
--------
INSERT INTO out SELECT user_id FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end) AS n FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)) WHERE n <= 3
=>
1:48: ROW_NUMBER without ORDER BY has no order; the supported form is SELECT … FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end, key ORDER BY column [DESC]) AS n FROM TUMBLE(…)) WHERE n <= 10; HOP, CUMULATE, SESSION and a view over windows are possible too
--------
INSERT INTO out SELECT user_id FROM (SELECT *, ROW_NUMBER() OVER (ORDER BY price) AS n FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)) WHERE n <= 3
=>
1:48: ROW_NUMBER without PARTITION BY would have one key; the supported form is SELECT … FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end, key ORDER BY column [DESC]) AS n FROM TUMBLE(…)) WHERE n <= 10; HOP, CUMULATE, SESSION and a view over windows are possible too
--------
INSERT INTO out SELECT user_id FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY 1) AS n FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)) WHERE n <= 3
=>
1:114: 1 orders nothing; the supported form is SELECT … FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end, key ORDER BY column [DESC]) AS n FROM TUMBLE(…)) WHERE n <= 10; HOP, CUMULATE, SESSION and a view over windows are possible too
--------
INSERT INTO out SELECT user_id FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY window_start) AS n FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)) WHERE n <= 3
=>
1:114: window_start is not known before the rows are grouped; use it in SELECT, GROUP BY and HAVING, not in WHERE or in an aggregate
--------
INSERT INTO out SELECT user_id FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY price ROWS 3 PRECEDING) AS n FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)) WHERE n <= 3
=>
1:48: ROW_NUMBER takes no frame; the supported form is SELECT … FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end, key ORDER BY column [DESC]) AS n FROM TUMBLE(…)) WHERE n <= 10; HOP, CUMULATE, SESSION and a view over windows are possible too
--------
INSERT INTO out SELECT user_id FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY price) AS n FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)) WHERE n <= 3
EMIT CHANGES
=>
1:17: EMIT CHANGES writes sink 'out', which has no key: nothing would say which row a later one replaces; declare key of the sink: the columns that are row_number(), and window_start or window_end or window_time
--------
INSERT INTO out SELECT user_id FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY price) AS n FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)) WHERE n <= 3
STATE TTL NONE
=>
2:1: STATE TTL is not possible over windows: their state goes when they end; leave it out; ALLOWED LATENESS keeps windows longer
--------
INSERT INTO out SELECT user_id, count(*) AS c FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY price) AS n FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)) WHERE n <= 3 GROUP BY user_id
=>
1:227: GROUP BY and HAVING over a subquery are not supported; make a view of it, and group its rows
--------
INSERT INTO out SELECT user_id FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY price) AS n FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND) GROUP BY user_id) WHERE n <= 3
=>
1:38: GROUP BY in a subquery is not supported; group in a view, and number its rows
--------
INSERT INTO out SELECT user_id FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end, price + 1, 5 ORDER BY price) AS n FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)) WHERE n <= 3
=>
1:117: 5 is no key; the supported form is SELECT … FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end, key ORDER BY column [DESC]) AS n FROM TUMBLE(…)) WHERE n <= 10; HOP, CUMULATE, SESSION and a view over windows are possible too
--------
INSERT INTO out SELECT missing FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY price) AS n FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)) WHERE n <= 3
=>
1:24: there is no column 'missing'; columns are user_id, name, event_time, price, quantity, amount, ok, window_start, window_end, window_time, n
--------
INSERT INTO out SELECT user_id FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY price) AS n FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND) WHERE window_start > event_time) WHERE n <= 3
=>
1:204: window_start is not known before the rows are grouped; use it in SELECT, GROUP BY and HAVING, not in WHERE or in an aggregate
--------
INSERT INTO out SELECT user_id FROM (SELECT user_id, name AS n, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY price) AS n FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)) WHERE n <= 3
=>
1:38: two columns are called 'n'; rename one with AS
--------
INSERT INTO out SELECT user_id FROM (SELECT user_id, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY price) AS n, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY name) AS m FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)) WHERE n <= 3
=>
1:38: a subquery numbers its rows once; the supported form is SELECT … FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end, key ORDER BY column [DESC]) AS n FROM TUMBLE(…)) WHERE n <= 10; HOP, CUMULATE, SESSION and a view over windows are possible too
--------
CREATE VIEW v AS SELECT user_id, window_end, window_start AS since, count(*) AS c
FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND) GROUP BY user_id, window_start, window_end;
INSERT INTO out SELECT user_id FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY since ORDER BY c DESC) AS n FROM v) WHERE n <= 3
=>
3:48: PARTITION BY lacks the window: the window_end or window_time of 'v'; the supported form is SELECT … FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end, key ORDER BY column [DESC]) AS n FROM TUMBLE(…)) WHERE n <= 10; HOP, CUMULATE, SESSION and a view over windows are possible too
--------
CREATE VIEW v AS SELECT user_id, window_end, window_start AS since, count(*) AS c
FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND) GROUP BY user_id, window_start, window_end;
INSERT INTO out SELECT user_id FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_end ORDER BY c DESC) AS n FROM v) WHERE n <= 3
ALLOWED LATENESS INTERVAL '1' SECOND
=>
4:1: over results of windows no row is late; leave the clause out; the late rows of the first window are counted
--------
CREATE VIEW v AS SELECT user_id, window_end, window_start AS since, count(*) AS c
FROM SESSION(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND) GROUP BY user_id, window_start, window_end;
INSERT INTO out SELECT user_id FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_end ORDER BY c DESC) AS n FROM v) WHERE n <= 3
=>
3:118: results of sessions are not numbered: each has a window of its own; the supported form is SELECT … FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end, key ORDER BY column [DESC]) AS n FROM TUMBLE(…)) WHERE n <= 10; HOP, CUMULATE, SESSION and a view over windows are possible too
--------
INSERT INTO out SELECT user_id FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY price) AS n FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)) AS r WHERE t.n <= 3
=>
1:204: nothing says up to which n rows are taken; write n <= 10, up to 1000
--------
INSERT INTO out SELECT approx_distinct(user_id) AS n FROM clicks
=>
1:24: the aggregate approx_distinct is not possible here; aggregate over FROM TUMBLE(TABLE …), HOP, CUMULATE or SESSION with GROUP BY window_start, window_end, or with GROUP BY and EMIT CHANGES
--------
INSERT INTO out SELECT window_start, approx_distinct(*) AS n FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND) GROUP BY window_start, window_end
=>
1:38: approx_distinct does not take these arguments; write one argument
--------
INSERT INTO out SELECT window_start, approx_distinct(user_id, price) AS n FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND) GROUP BY window_start, window_end
=>
1:38: approx_distinct does not take these arguments; write one argument
--------
INSERT INTO out SELECT window_start, approx_distinct(DISTINCT user_id) AS n FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND) GROUP BY window_start, window_end
=>
1:38: DISTINCT or ALL in approx_distinct is not supported; leave it out
--------
INSERT INTO ranks SELECT user_id, n FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY price DESC) AS n FROM clicks) WHERE n <= 3
EMIT CHANGES
=>
1:124: without a window nothing bounds the state: every key would be kept for ever; write STATE TTL INTERVAL '1' DAY at the end, after which a key without rows is forgotten, or STATE TTL NONE where the keys are few enough to be kept for ever
--------
INSERT INTO ranks SELECT user_id, n FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY price DESC) AS n FROM clicks) WHERE n <= 3
STATE TTL NONE
=>
1:124: without a window a key has no final row, only a current one; write EMIT CHANGES at the end, and declare the key of the sink, or group by a window
--------
INSERT INTO counts SELECT user_id, n FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY price DESC) AS n FROM clicks) WHERE n <= 3
EMIT CHANGES STATE TTL NONE
=>
1:20: the key of sink 'counts' lacks row_number(), which tells its rows apart; declare key of the sink: the columns that are user_id, row_number()
--------
INSERT INTO windows SELECT user_id, price AS window_end, n FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY price DESC) AS n FROM clicks) WHERE n <= 3
EMIT CHANGES STATE TTL NONE
=>
1:21: column 'window_end' of the key of sink 'windows' is no column of PARTITION BY; declare key of the sink: the columns that are user_id, row_number()
--------
INSERT INTO ranks SELECT user_id, n FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY price DESC) AS n FROM clicks) WHERE n <= 101
EMIT CHANGES STATE TTL NONE
=>
1:124: a row would change 101 rows of the sink; with changes it may be at most 100; take fewer rows
--------
INSERT INTO ranks SELECT user_id, n FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY price DESC) AS n FROM clicks) WHERE n <= 3
EMIT CHANGES STATE TTL NONE ALLOWED LATENESS INTERVAL '1' SECOND
=>
2:29: ALLOWED LATENESS needs a window: without one a row counts until its key is forgotten; a longer STATE TTL keeps keys longer
--------
INSERT INTO tops SELECT window_end, n FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY price) AS n FROM SESSION(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)) WHERE n <= 3
EMIT CHANGES
=>
2:1: EMIT CHANGES is not possible with SESSION: a session that grows ends later, and its earlier row would stay; leave it out, or GROUP BY without a window and STATE TTL as the gap
--------
INSERT INTO tops SELECT window_end, n FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY price) AS n FROM HOP(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '1' SECOND, INTERVAL '20' SECOND)) WHERE n <= 10
EMIT CHANGES
=>
1:138: a row would change 200 rows of the sink; with changes it may be at most 100; take fewer rows
--------
CREATE VIEW v AS SELECT user_id, n FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY price DESC) AS n FROM clicks) WHERE n <= 3;
INSERT INTO out SELECT user_id FROM v
=>
1:18: what GROUP BY without a window, or ROW_NUMBER, gives is no view: it is not known when a key is complete; write it as an INSERT
2:37: there is no source or view 'v'; known here: clicks, plain, sleepy, visits
--------
INSERT INTO ranks SELECT user_id, n FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY price) AS n FROM plain) WHERE n <= 3
EMIT CHANGES STATE TTL NONE
=>
1:53: the source has no watermark, so its rows have no order; declare watermark.column on the source
--------
INSERT INTO out SELECT user_id, sum(price) OVER (PARTITION BY user_id ORDER BY event_time
  ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS total FROM clicks
=>
1:44: nothing bounds the state: the last rows of every key would be kept for ever; write STATE TTL INTERVAL '1' DAY at the end, after which a key without rows is forgotten, or STATE TTL NONE where the keys are few enough to be kept for ever
--------
INSERT INTO out SELECT user_id, sum(price) OVER (PARTITION BY user_id ORDER BY event_time
  RANGE BETWEEN INTERVAL '2' SECOND PRECEDING AND CURRENT ROW) AS total FROM clicks STATE TTL NONE
=>
2:85: STATE TTL is not possible with a RANGE: its rows go when no row can reach them; leave it out
--------
INSERT INTO out SELECT user_id, sum(price) OVER (PARTITION BY user_id ORDER BY event_time) AS total FROM clicks STATE TTL NONE
=>
1:33: OVER without a frame would reach back to the first row of the key; the supported form is OVER (PARTITION BY key ORDER BY event time ROWS BETWEEN 9 PRECEDING AND CURRENT ROW), or RANGE BETWEEN INTERVAL '10' SECOND PRECEDING AND CURRENT ROW
--------
INSERT INTO out SELECT user_id, sum(price) OVER (PARTITION BY user_id ORDER BY event_time
  ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS total FROM clicks STATE TTL INTERVAL '1' DAY
=>
1:33: a frame that reaches back to the first row is not supported; the supported form is OVER (PARTITION BY key ORDER BY event time ROWS BETWEEN 9 PRECEDING AND CURRENT ROW), or RANGE BETWEEN INTERVAL '10' SECOND PRECEDING AND CURRENT ROW
--------
INSERT INTO out SELECT user_id, sum(price) OVER (PARTITION BY user_id ORDER BY event_time
  ROWS BETWEEN 2 PRECEDING AND 1 FOLLOWING) AS total FROM clicks STATE TTL NONE
=>
1:33: a frame ends with the row itself; the supported form is OVER (PARTITION BY key ORDER BY event time ROWS BETWEEN 9 PRECEDING AND CURRENT ROW), or RANGE BETWEEN INTERVAL '10' SECOND PRECEDING AND CURRENT ROW
--------
INSERT INTO out SELECT user_id, sum(price) OVER (PARTITION BY user_id ORDER BY event_time
  ROWS BETWEEN CURRENT ROW AND CURRENT ROW) AS total FROM clicks STATE TTL NONE
=>
1:33: a frame begins before its row; the supported form is OVER (PARTITION BY key ORDER BY event time ROWS BETWEEN 9 PRECEDING AND CURRENT ROW), or RANGE BETWEEN INTERVAL '10' SECOND PRECEDING AND CURRENT ROW
--------
INSERT INTO out SELECT user_id, sum(price) OVER (PARTITION BY user_id ORDER BY event_time ROWS 1001 PRECEDING) AS total FROM clicks STATE TTL NONE
=>
1:33: ROWS takes from 1 to 1000 rows, not 1001; the supported form is OVER (PARTITION BY key ORDER BY event time ROWS BETWEEN 9 PRECEDING AND CURRENT ROW), or RANGE BETWEEN INTERVAL '10' SECOND PRECEDING AND CURRENT ROW
--------
INSERT INTO out SELECT user_id, sum(price) OVER (PARTITION BY user_id ORDER BY event_time ROWS INTERVAL '1' SECOND PRECEDING) AS total FROM clicks STATE TTL NONE
=>
1:33: ROWS takes a number, not INTERVAL '1' SECOND; the supported form is OVER (PARTITION BY key ORDER BY event time ROWS BETWEEN 9 PRECEDING AND CURRENT ROW), or RANGE BETWEEN INTERVAL '10' SECOND PRECEDING AND CURRENT ROW
--------
INSERT INTO out SELECT user_id, sum(price) OVER (PARTITION BY user_id ORDER BY event_time RANGE 10 PRECEDING) AS total FROM clicks
=>
1:33: RANGE takes an interval, not 10; the supported form is OVER (PARTITION BY key ORDER BY event time ROWS BETWEEN 9 PRECEDING AND CURRENT ROW), or RANGE BETWEEN INTERVAL '10' SECOND PRECEDING AND CURRENT ROW
--------
INSERT INTO out SELECT user_id, sum(price) OVER (PARTITION BY user_id ORDER BY event_time RANGE INTERVAL '-1' SECOND PRECEDING) AS total FROM clicks
=>
1:33: the interval is negative, or longer than event time reaches; the supported form is OVER (PARTITION BY key ORDER BY event time ROWS BETWEEN 9 PRECEDING AND CURRENT ROW), or RANGE BETWEEN INTERVAL '10' SECOND PRECEDING AND CURRENT ROW
--------
INSERT INTO out SELECT user_id, sum(price) OVER (PARTITION BY user_id ORDER BY event_time GROUPS 2 PRECEDING) AS total FROM clicks STATE TTL NONE
=>
1:33: GROUPS is not supported; the supported form is OVER (PARTITION BY key ORDER BY event time ROWS BETWEEN 9 PRECEDING AND CURRENT ROW), or RANGE BETWEEN INTERVAL '10' SECOND PRECEDING AND CURRENT ROW
--------
INSERT INTO out SELECT user_id, sum(price) OVER (ORDER BY event_time ROWS 2 PRECEDING) AS total FROM clicks STATE TTL NONE
=>
1:33: OVER without PARTITION BY would have one key; the supported form is OVER (PARTITION BY key ORDER BY event time ROWS BETWEEN 9 PRECEDING AND CURRENT ROW), or RANGE BETWEEN INTERVAL '10' SECOND PRECEDING AND CURRENT ROW
--------
INSERT INTO out SELECT user_id, sum(price) OVER (PARTITION BY user_id ROWS 2 PRECEDING) AS total FROM clicks STATE TTL NONE
=>
1:33: OVER without ORDER BY has no order; the supported form is OVER (PARTITION BY key ORDER BY event time ROWS BETWEEN 9 PRECEDING AND CURRENT ROW), or RANGE BETWEEN INTERVAL '10' SECOND PRECEDING AND CURRENT ROW
--------
INSERT INTO out SELECT user_id, sum(price) OVER (PARTITION BY user_id ORDER BY event_time DESC ROWS 2 PRECEDING) AS total FROM clicks STATE TTL NONE
=>
1:80: ORDER BY event_time DESC is not supported: rows come in ascending order; the supported form is OVER (PARTITION BY key ORDER BY event time ROWS BETWEEN 9 PRECEDING AND CURRENT ROW), or RANGE BETWEEN INTERVAL '10' SECOND PRECEDING AND CURRENT ROW
--------
INSERT INTO out SELECT user_id, sum(price) OVER (PARTITION BY user_id ORDER BY price ROWS 2 PRECEDING) AS total FROM clicks STATE TTL NONE
=>
1:80: price is not the event time, 'event_time'; the supported form is OVER (PARTITION BY key ORDER BY event time ROWS BETWEEN 9 PRECEDING AND CURRENT ROW), or RANGE BETWEEN INTERVAL '10' SECOND PRECEDING AND CURRENT ROW
--------
INSERT INTO out SELECT user_id, sum(price) OVER (PARTITION BY user_id ORDER BY event_time, price ROWS 2 PRECEDING) AS total FROM clicks STATE TTL NONE
=>
1:33: OVER is ordered by the event time alone; the supported form is OVER (PARTITION BY key ORDER BY event time ROWS BETWEEN 9 PRECEDING AND CURRENT ROW), or RANGE BETWEEN INTERVAL '10' SECOND PRECEDING AND CURRENT ROW
--------
INSERT INTO out SELECT user_id, sum(price) OVER w AS total FROM clicks WINDOW w AS (PARTITION BY user_id ORDER BY event_time ROWS 2 PRECEDING) STATE TTL NONE
=>
1:72: WINDOW is not supported; supported clauses are SELECT, FROM, WHERE, GROUP BY and HAVING
--------
INSERT INTO out SELECT user_id, sum(price) OVER w AS total FROM clicks STATE TTL NONE
=>
1:33: a named window is not supported; the supported form is OVER (PARTITION BY key ORDER BY event time ROWS BETWEEN 9 PRECEDING AND CURRENT ROW), or RANGE BETWEEN INTERVAL '10' SECOND PRECEDING AND CURRENT ROW
--------
INSERT INTO out SELECT user_id, count(*) OVER (PARTITION BY user_id ORDER BY event_time ROWS 2 PRECEDING) AS n,
  count(*) OVER (PARTITION BY user_id ORDER BY event_time ROWS 3 PRECEDING) AS m FROM clicks STATE TTL NONE
=>
2:3: count is over other rows than the aggregate before it; all aggregates of a SELECT are over the same rows: write one INSERT for each
--------
INSERT INTO out SELECT user_id, count(DISTINCT price) OVER (PARTITION BY user_id ORDER BY event_time ROWS 2 PRECEDING) AS n FROM clicks STATE TTL NONE
=>
1:33: count(DISTINCT price) OVER is not supported; count, sum, min, max, avg, first_value, last_value and variances are
--------
INSERT INTO out SELECT user_id, lag(price) OVER (PARTITION BY user_id ORDER BY event_time) AS n FROM clicks STATE TTL NONE
=>
1:33: the function lag is not supported; supported functions are abs, btrim, ceil, char_length, character_length, coalesce, concat, concat_ws, contains, date_part, date_trunc, ends_with, exp, floor, greatest, least, left, length, ln, log10, log2, lower, lpad, ltrim, nullif, octet_length, power, repeat, replace, reverse, right, round, rpad, rtrim, signum, split_part, sqrt, starts_with, strpos, substr, substring, trim, trunc, upper; in a window count, approx_distinct, approx_count_distinct, sum, min, max, avg, var_pop, var_samp, variance, stddev_pop, stddev_samp, stddev, first_value, last_value, array_agg
--------
INSERT INTO out SELECT user_id FROM clicks WHERE count(*) OVER (PARTITION BY user_id ORDER BY event_time ROWS 2 PRECEDING) > 1 STATE TTL NONE
=>
1:50: OVER after count is not supported; OVER stands in the columns of a SELECT over rows, and after ROW_NUMBER() in a subquery, for the first rows of a key
--------
INSERT INTO out SELECT user_id, count(*) OVER (PARTITION BY user_id ORDER BY event_time ROWS 2 PRECEDING) AS n FROM plain STATE TTL NONE
=>
1:33: the source has no watermark, so its rows have no order; declare watermark.column on the source
--------
CREATE VIEW v AS SELECT user_id, window_time AS at, count(*) AS n
FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY user_id, window_start, window_end, window_time;
INSERT INTO out SELECT user_id, sum(n) OVER (PARTITION BY user_id ORDER BY at ROWS 2 PRECEDING) AS n FROM v STATE TTL NONE
=>
4:33: OVER over results of windows is not supported; it takes rows of a source, or of a view that selects and filters
--------
CREATE VIEW v AS SELECT user_id, count(*) OVER (PARTITION BY user_id ORDER BY event_time ROWS 2 PRECEDING) AS n FROM clicks;
INSERT INTO out SELECT user_id FROM clicks
=>
1:18: what OVER gives is no view; write it as an INSERT
--------
INSERT INTO out SELECT user_id, count(*) OVER (PARTITION BY user_id ORDER BY event_time ROWS 2 PRECEDING) AS n FROM clicks
EMIT CHANGES STATE TTL NONE
=>
2:1: EMIT CHANGES is not possible with OVER: every row goes out once; leave it out
--------
INSERT INTO out SELECT user_id, count(*) OVER (PARTITION BY user_id ORDER BY event_time ROWS 2 PRECEDING) AS n FROM clicks
ALLOWED LATENESS INTERVAL '1' SECOND STATE TTL NONE
=>
2:1: ALLOWED LATENESS is not possible with OVER: a row goes out once, and one that comes later would change what went out; LATE ROWS INTO sink keeps what comes late
--------
INSERT INTO out SELECT user_id, count(*) OVER (PARTITION BY user_id ORDER BY event_time ROWS 2 PRECEDING) AS n,
  sum(price) AS s FROM clicks STATE TTL NONE
=>
2:3: the aggregate sum is not possible here; aggregate over FROM TUMBLE(TABLE …), HOP, CUMULATE or SESSION with GROUP BY window_start, window_end, or with GROUP BY and EMIT CHANGES
--------
INSERT INTO out SELECT user_id, count(*) OVER (PARTITION BY user_id ORDER BY event_time ROWS 2 PRECEDING) AS n
FROM TUMBLE(TABLE clicks, DESCRIPTOR(event_time), INTERVAL '10' SECOND) GROUP BY user_id, window_start, window_end
=>
1:33: OVER after count is not supported; leave it out
--------
INSERT INTO out SELECT PROCTIME() AS t FROM clicks
=>
1:24: PROCTIME is not supported: results must be determined by the input alone, so that a replay gives the same rows; use the event time column, or declare a column of the source with metadata: processingTime, which is stamped once
--------
INSERT INTO out SELECT count(*) AS n FROM TUMBLE(TABLE polled, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY window_start, window_end
=>
1:75: 'event_time' is not the event time of source 'polled'; windows are over the watermark column 'proc_time', passed through views unchanged
--------
INSERT INTO out SELECT count(*) AS n FROM TUMBLE(TABLE noted, DESCRIPTOR(proc_time), INTERVAL '10' SECOND)
GROUP BY window_start, window_end
=>
1:74: 'proc_time' is processing time, and the watermark of source 'noted' is over 'event_time'; declare watermark.column: proc_time on the source
--------
CREATE VIEW v AS SELECT user_id, proc_time + INTERVAL '1' HOUR AS proc_time FROM polled;
INSERT INTO out SELECT count(*) AS n FROM TUMBLE(TABLE v, DESCRIPTOR(proc_time), INTERVAL '10' SECOND)
GROUP BY window_start, window_end
=>
2:70: 'proc_time' is not the event time of source 'polled'; windows are over the watermark column 'proc_time', passed through views unchanged
--------
INSERT INTO out SELECT user_id, count(*) OVER (PARTITION BY user_id ORDER BY proc_time ROWS 2 PRECEDING) AS n FROM noted STATE TTL NONE
=>
1:78: proc_time is not the event time, 'event_time'; the supported form is OVER (PARTITION BY key ORDER BY event time ROWS BETWEEN 9 PRECEDING AND CURRENT ROW), or RANGE BETWEEN INTERVAL '10' SECOND PRECEDING AND CURRENT ROW
