-- Rows in Nexmark's envelope. Of the envelope and of the bid only what the query needs is declared.
CREATE TABLE events (
  event_type INT,
  bid ROW<auction BIGINT, price BIGINT, `dateTime` BIGINT>,
  happened AS TO_TIMESTAMP_LTZ(bid.`dateTime`, 3),
  WATERMARK FOR happened AS happened - INTERVAL '4' SECOND
) WITH (
  'connector' = 'kafka',
  'topic' = '${source}',
  'properties.bootstrap.servers' = '${bootstrap}',
  'properties.group.id' = '${name}',
  'properties.isolation.level' = 'read_committed',
  'scan.startup.mode' = 'earliest-offset',
  'format' = 'json'
);

CREATE TEMPORARY VIEW bids AS
SELECT bid.auction AS auction, bid.price AS price, happened FROM events WHERE event_type = 2;
