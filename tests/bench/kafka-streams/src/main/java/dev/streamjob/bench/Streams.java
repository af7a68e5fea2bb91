package dev.streamjob.bench;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.state.WindowStore;

/**
 * Runs one pipeline of the benchmark until the process is ended.
 *
 * <p>Arguments: pipeline ({@code filter} or {@code window}), source topic, sink topic, size and advance of the window
 * and its grace in milliseconds, then settings of Kafka Streams as {@code key=value}.
 *
 * <p>The source is keyed by auction, so nothing is partitioned anew. Windows give an update for every commit in which they
 * changed, as is usual in Kafka Streams; the last one of a key and window is its result.
 */
public final class Streams {
    private Streams() {}

    public static void main(String[] arguments) throws InterruptedException {
        Properties settings = new Properties();
        for (int i = 6; i < arguments.length; i++) {
            int equals = arguments[i].indexOf('=');
            settings.put(arguments[i].substring(0, equals), arguments[i].substring(equals + 1));
        }
        StreamsBuilder builder = new StreamsBuilder();
        KStream<byte[], Bid> bids =
                builder.stream(
                        arguments[1],
                        Consumed.with(Serdes.ByteArray(), Bid.serde())
                                .withTimestampExtractor((row, before) -> ((Bid) row.value()).time()));
        KStream<String, String> results =
                switch (arguments[0]) {
                    case "filter" -> filter(bids);
                    case "window" -> window(bids, windows(arguments));
                    default -> throw new IllegalArgumentException("pipeline " + arguments[0]);
                };
        results.to(arguments[2], Produced.with(Serdes.String(), Serdes.String()));
        run(new KafkaStreams(builder.build(settings), settings));
    }

    private static TimeWindows windows(String[] arguments) {
        return TimeWindows.ofSizeAndGrace(millis(arguments[3]), millis(arguments[5]))
                .advanceBy(millis(arguments[4]));
    }

    private static Duration millis(String number) {
        return Duration.ofMillis(Long.parseLong(number));
    }

    private static KStream<String, String> filter(KStream<byte[], Bid> bids) {
        return bids.filter((key, bid) -> bid.price() % 10 == 0)
                .map(
                        (key, bid) ->
                                KeyValue.pair(
                                        bid.ref(),
                                        "{\"ref\":\"" + bid.ref() + "\",\"auction\":" + bid.auction()
                                                + ",\"double_price\":" + bid.price() * 2 + "}"));
    }

    private static KStream<String, String> window(KStream<byte[], Bid> bids, TimeWindows windows) {
        return bids.groupByKey()
                .windowedBy(windows)
                .aggregate(
                        Tally::none,
                        (key, bid, tally) -> tally.with(bid),
                        Materialized.<byte[], Tally, WindowStore<Bytes, byte[]>>as("tallies")
                                .withKeySerde(Serdes.ByteArray())
                                .withValueSerde(Tally.serde()))
                .toStream()
                .map(
                        (key, tally) -> {
                            String auction = new String(key.key(), StandardCharsets.US_ASCII);
                            return KeyValue.pair(
                                    auction,
                                    "{\"auction\":" + auction
                                            + ",\"window_start\":" + key.window().start()
                                            + ",\"window_end\":" + key.window().end()
                                            + ",\"bids\":" + tally.bids()
                                            + ",\"top\":" + tally.top() + "}");
                        });
    }

    private static void run(KafkaStreams streams) throws InterruptedException {
        CountDownLatch failed = new CountDownLatch(1);
        streams.setUncaughtExceptionHandler(
                error -> {
                    error.printStackTrace();
                    failed.countDown();
                    return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
                });
        Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(Duration.ofSeconds(5))));
        streams.start();
        System.out.println("started");
        failed.await();
        System.exit(1);
    }
}
