-- Filter and projection.
INSERT INTO results
SELECT `ref`, auction, price * 2 FROM bids WHERE price % 10 = 0;
