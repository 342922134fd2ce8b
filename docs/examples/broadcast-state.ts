import {
  broadcastState,
  collectionSource,
  type Collector,
  defineJob,
  defineKeyedBroadcastProcess,
  type Infer,
  long,
  record,
  string,
  valueState,
  WatermarkStrategy,
} from 'tidemark';

const Login = record('Login', { user: string() });
type Login = Infer<typeof Login>;
const Rule = record('Rule', { name: string(), limit: long() });
type Rule = Infer<typeof Rule>;

const LOGINS: readonly Login[] = [{ user: 'ann' }, { user: 'bob' }, { user: 'ann' }, { user: 'ann' }];
const RULES: readonly Rule[] = [{ name: 'many-logins', limit: 2 }];

// #region function
const applyRules = defineKeyedBroadcastProcess({
  uid: 'apply-rules',
  broadcastState: { rules: broadcastState(string(), Rule) },
  state: { count: valueState(long()) },
  processElement(login: Login, { state, broadcastState }, out: Collector<string>) {
    const count = (state.count.value() ?? 0) + 1;
    state.count.update(count);
    for (const rule of broadcastState.rules.values()) {
      if (count > rule.limit) out.collect(`${rule.name}: ${login.user} logged in ${count} times`);
    }
  },
  processBroadcastElement(rule: Rule, { broadcastState }) {
    broadcastState.rules.set(rule.name, rule);
  },
});
// #endregion

export default defineJob({
  name: 'rules',
  build(env) {
    const logins = env.fromSource(
      collectionSource(LOGINS, { recordsPerSecond: 2 }),
      'logins',
      WatermarkStrategy.noWatermarks<Login>(),
    );
    const rules = env.fromSource(collectionSource(RULES), 'rules', WatermarkStrategy.noWatermarks<Rule>());
    logins
      .keyBy((login) => login.user)
      .connect(rules.broadcast())
      .process(applyRules)
      .print('alert');
  },
});
