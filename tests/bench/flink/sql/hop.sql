-- Hopping windows.
INSERT INTO results
SELECT auction, window_start, window_end, COUNT(*), MAX(price)
FROM TABLE(HOP(TABLE bids, DESCRIPTOR(happened), INTERVAL '${slide}' SECOND, INTERVAL '${size}' SECOND))
GROUP BY auction, window_start, window_end;
