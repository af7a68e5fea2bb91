-- Sessions.
INSERT INTO results
SELECT auction, window_start, window_end, COUNT(*), MAX(price)
FROM TABLE(SESSION(TABLE bids PARTITION BY auction, DESCRIPTOR(happened), INTERVAL '${size}' SECOND))
GROUP BY auction, window_start, window_end;
