-- Rows of a filter.
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
