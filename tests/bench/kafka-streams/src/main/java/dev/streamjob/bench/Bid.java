package dev.streamjob.bench;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.io.UncheckedIOException;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;

/** The fields of an input row that the pipelines need. Times in milliseconds. */
record Bid(long auction, long price, long time, String ref) {
    private static final JsonFactory JSON = new JsonFactory();

    /** Reads flat rows and rows inside the envelope alike; whatever else a row holds is skipped. */
    static Serde<Bid> serde() {
        Deserializer<Bid> reader = (topic, bytes) -> bytes == null ? null : parse(bytes);
        return Serdes.serdeFrom(
                (topic, bid) -> {
                    throw new UnsupportedOperationException("rows are only read");
                },
                reader);
    }

    private static Bid parse(byte[] bytes) {
        long auction = 0;
        long price = 0;
        long time = 0;
        String ref = null;
        try (JsonParser json = JSON.createParser(bytes)) {
            json.nextToken();
            while (json.nextToken() != null) {
                if (json.currentToken() != JsonToken.FIELD_NAME) {
                    continue; // the end of the envelope's bid, then of the envelope
                }
                String name = json.currentName();
                JsonToken value = json.nextToken();
                if (value == JsonToken.START_OBJECT && !name.equals("bid")) {
                    json.skipChildren();
                    continue;
                }
                switch (name) {
                    case "auction" -> auction = value.isNumeric() ? json.getLongValue() : auction;
                    case "price" -> price = json.getLongValue();
                    case "event_time", "dateTime" -> time = json.getLongValue();
                    case "ref" -> ref = json.getText();
                    default -> { }
                }
            }
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
        return new Bid(auction, price, time, ref);
    }
}
