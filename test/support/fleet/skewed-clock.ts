/** Loaded by `--import`: `Date` is off by CLOCK_SKEW_MS. Timers and `performance` are unchanged. */
const skewMs = Number(process.env.CLOCK_SKEW_MS ?? '0');
const TrueDate = Date;
const now = () => TrueDate.now() + skewMs;

globalThis.Date = new Proxy(TrueDate, {
  construct: (target, args: unknown[], newTarget) =>
    Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget) as Date,
  apply: () => new TrueDate(now()).toString(),
  get: (target, name) => (name === 'now' ? now : Reflect.get(target, name)),
});
