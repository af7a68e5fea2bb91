-- Hopping windows over flat rows. Only the columns that the query needs are declared.
CREATE TABLE bids (
  auction BIGINT,
  price BIGINT,
  event_time BIGINT,
  happened AS TO_TIMESTAMP_LTZ(event_time, 3),
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

CREATE TABLE results (
  auction BIGINT,
  window_start TIMESTAMP(3),
  window_end TIMESTAMP(3),
  bids BIGINT,
  top BIGINT
) WITH (
  'connector' = 'kafka',
  'topic' = '${sink}',
  'properties.bootstrap.servers' = '${bootstrap}',
  'properties.transaction.timeout.ms' = '900000',
  'sink.delivery-guarantee' = 'exactly-once',
  'sink.transactional-id-prefix' = '${name}',
  'format' = 'json',
  'json.timestamp-format.standard' = 'ISO-8601'
);

INSERT INTO results
SELECT auction, window_start, window_end, COUNT(*), MAX(price)
FROM TABLE(HOP(TABLE bids, DESCRIPTOR(happened), INTERVAL '${slide}' SECOND, INTERVAL '${size}' SECOND))
GROUP BY auction, window_start, window_end;
