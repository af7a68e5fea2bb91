-- Flat rows with their time. Only the columns that the queries need are declared: Flink decodes every declared one.
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
