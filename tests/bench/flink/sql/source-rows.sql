-- Flat rows without their time. Only the columns that the query needs are declared: Flink decodes every declared one.
CREATE TABLE bids (
  auction BIGINT,
  price BIGINT,
  `ref` STRING
) WITH (
  'connector' = 'kafka',
  'topic' = '${source}',
  'properties.bootstrap.servers' = '${bootstrap}',
  'properties.group.id' = '${name}',
  'properties.isolation.level' = 'read_committed',
  'scan.startup.mode' = 'earliest-offset',
  'format' = 'json'
);
