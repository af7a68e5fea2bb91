package dev.streamjob.bench;

import java.nio.ByteBuffer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;

/** What is kept per key and window: 16 bytes in the store. */
record Tally(long bids, long top) {
    static Tally none() {
        return new Tally(0, Long.MIN_VALUE);
    }

    Tally with(Bid bid) {
        return new Tally(bids + 1, Math.max(top, bid.price()));
    }

    static Serde<Tally> serde() {
        return Serdes.serdeFrom(
                (topic, tally) ->
                        tally == null
                                ? null
                                : ByteBuffer.allocate(16).putLong(tally.bids).putLong(tally.top).array(),
                (topic, bytes) -> {
                    if (bytes == null) {
                        return null;
                    }
                    ByteBuffer buffer = ByteBuffer.wrap(bytes);
                    return new Tally(buffer.getLong(), buffer.getLong());
                });
    }
}
