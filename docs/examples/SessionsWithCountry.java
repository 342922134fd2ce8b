import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.streaming.api.datastream.AsyncDataStream;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.SingleOutputStreamOperator;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.async.AsyncFunction;
import org.apache.flink.streaming.api.functions.async.ResultFuture;
import org.apache.flink.streaming.api.functions.windowing.ProcessWindowFunction;
import org.apache.flink.streaming.api.windowing.assigners.EventTimeSessionWindows;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;
import org.apache.flink.streaming.util.retryable.AsyncRetryStrategies;
import org.apache.flink.streaming.util.retryable.RetryPredicates;
import org.apache.flink.util.Collector;
import org.apache.flink.util.OutputTag;

public class SessionsWithCountry {
  public record Click(String userId, String page, long at) {}

  public record Session(String userId, long start, long end, long clicks) {}

  static final OutputTag<Click> LATE = new OutputTag<>("late-clicks") {};

  static class ToSession extends ProcessWindowFunction<Click, Session, String, TimeWindow> {
    @Override
    public void process(String userId, Context context, Iterable<Click> clicks, Collector<Session> out) {
      long count = 0;
      for (Click click : clicks) count++;
      out.collect(new Session(userId, context.window().getStart(), context.window().getEnd(), count));
    }
  }

  static class WithCountry implements AsyncFunction<Session, String> {
    @Override
    public void asyncInvoke(Session session, ResultFuture<String> result) {
      countryOf(session.userId()).whenComplete((country, error) -> {
        if (error != null) result.completeExceptionally(error);
        else result.complete(List.of(describe(session, country)));
      });
    }

    @Override
    public void timeout(Session session, ResultFuture<String> result) {
      result.complete(List.of(describe(session, "unknown")));
    }
  }

  public static void main(String[] args) throws Exception {
    StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
    env.enableCheckpointing(10_000);

    DataStream<Click> clicks = env.fromData(CLICKS)
        .assignTimestampsAndWatermarks(WatermarkStrategy.<Click>forBoundedOutOfOrderness(Duration.ofSeconds(10))
            .withTimestampAssigner((click, timestamp) -> click.at())
            .withIdleness(Duration.ofMinutes(1)));

    SingleOutputStreamOperator<Session> sessions = clicks
        .keyBy(Click::userId)
        .window(EventTimeSessionWindows.withGap(Duration.ofMinutes(15)))
        .allowedLateness(Duration.ofMinutes(5))
        .sideOutputLateData(LATE)
        .process(new ToSession())
        .uid("sessions");

    AsyncDataStream.unorderedWaitWithRetry(
            sessions, new WithCountry(), 1, TimeUnit.SECONDS, 50,
            new AsyncRetryStrategies.FixedDelayRetryStrategyBuilder<String>(2, 100)
                .ifException(RetryPredicates.HAS_EXCEPTION_PREDICATE)
                .build())
        .uid("country")
        .print("session");
    sessions.getSideOutput(LATE).print("late");

    env.execute("sessions-with-country");
  }

  static CompletableFuture<String> countryOf(String userId) {
    return CompletableFuture.completedFuture(userId.equals("ann") ? "DE" : "FR");
  }

  static String describe(Session session, String country) {
    return session.userId() + " (" + country + "): " + session.clicks() + " clicks in "
        + (session.end() - session.start()) / 60_000 + " min";
  }

  static final Click[] CLICKS = {
    new Click("ann", "/", 1767261600000L),
    new Click("bob", "/", 1767261660000L),
    new Click("ann", "/shoes", 1767261840000L),
    new Click("ann", "/", 1767265200000L),
    new Click("ann", "/cart", 1767262020000L)
  };
}
