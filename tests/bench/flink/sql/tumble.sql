-- Tumbling windows.
INSERT INTO results
SELECT auction, window_start, window_end, COUNT(*), MAX(price)
FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(happened), INTERVAL '${size}' SECOND))
GROUP BY auction, window_start, window_end;
