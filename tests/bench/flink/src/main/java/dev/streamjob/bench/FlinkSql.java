package dev.streamjob.bench;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;

/**
 * Runs an SQL script on Flink's local cluster until the process is ended.
 *
 * <p>Arguments: the script, then settings of Flink as {@code key=value}.
 */
public final class FlinkSql {
    private FlinkSql() {}

    public static void main(String[] arguments) throws Exception {
        Configuration settings = new Configuration();
        for (int i = 1; i < arguments.length; i++) {
            int equals = arguments[i].indexOf('=');
            settings.setString(arguments[i].substring(0, equals), arguments[i].substring(equals + 1));
        }
        StreamTableEnvironment tables =
                StreamTableEnvironment.create(
                        StreamExecutionEnvironment.getExecutionEnvironment(settings));
        tables.getConfig().setLocalTimeZone(ZoneOffset.UTC);
        for (String statement : statements(Files.readString(Path.of(arguments[0])))) {
            tables.executeSql(statement);
        }
        System.out.println("started");
        Thread.currentThread().join();
    }

    /** The statements of a script: each ends with a semicolon at the end of a line. */
    private static List<String> statements(String script) {
        List<String> found = new ArrayList<>();
        for (String part : script.split(";[ \\t]*(\\n|$)")) {
            String statement = part.replaceAll("(?m)^--.*$", "").strip();
            if (!statement.isEmpty()) {
                found.add(statement);
            }
        }
        return found;
    }
}
