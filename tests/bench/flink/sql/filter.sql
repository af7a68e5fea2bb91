-- Filter and projection. Only the columns that the query needs are declared: Flink decodes every declared one.
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

CREATE TABLE results (
  `ref` STRING,
  auction BIGINT,
  double_price BIGINT
) WITH (
  'connector' = 'kafka',
  'topic' = '${sink}',
  'properties.bootstrap.servers' = '${bootstrap}',
  'properties.transaction.timeout.ms' = '900000',
  'sink.delivery-guarantee' = 'exactly-once',
  'sink.transactional-id-prefix' = '${name}',
  'format' = 'json'
);

INSERT INTO results
SELECT `ref`, auction, price * 2 FROM bids WHERE price % 10 = 0;
