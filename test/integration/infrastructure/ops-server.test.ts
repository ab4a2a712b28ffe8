import { expect } from 'chai';
import { HealthRegistry } from '../../../src/infrastructure/process/health.js';
import { type Metrics, startMetrics } from '../../../src/infrastructure/process/metrics.js';
import { type OpsServer, startOpsServer } from '../../../src/infrastructure/process/ops-server.js';
import { eventually } from '../../support/eventually.js';

describe('the ops server', () => {
  let metrics: Metrics;
  let health: HealthRegistry;
  let server: OpsServer;

  beforeEach(async () => {
    metrics = startMetrics('test');
    health = new HealthRegistry();
    server = await startOpsServer({ host: '127.0.0.1', port: 0, health, metrics: metrics.handler });
  });

  afterEach(async () => {
    await server.close();
    await metrics.shutdown();
  });

  const get = (path: string, options?: RequestInit) => fetch(`http://127.0.0.1:${server.port}${path}`, options);

  it('is alive with any state of its dependencies', async () => {
    health.add('database', () => ({ ok: false }));
    const response = await get('/livez');
    expect(response.status).to.equal(200);
    expect(await response.json()).to.deep.equal({ status: 'alive' });
  });

  it('is ready while every dependency is, and names the state of each', async () => {
    let database = { ok: true, detail: 'connected' };
    health.add('database', () => database);
    health.add('broker', () => ({ ok: true }));
    expect((await get('/readyz')).status).to.equal(200);

    database = { ok: false, detail: 'refused' };
    const response = await get('/readyz?verbose');
    expect(response.status).to.equal(503);
    expect(await response.json()).to.deep.equal({
      status: 'unready',
      dependencies: { database: { ok: false, detail: 'refused' }, broker: { ok: true } },
    });

    database = { ok: true, detail: 'connected' };
    expect((await get('/readyz')).status).to.equal(200);
  });

  it('treats a check that throws as a failed dependency', async () => {
    health.add('odd', () => {
      throw new Error('no idea');
    });
    const response = await get('/readyz');
    expect(response.status).to.equal(503);
    expect(await response.json()).to.have.nested.property('dependencies.odd.detail', 'no idea');
    expect(() => health.add('odd', () => ({ ok: true }))).to.throw('there is a health check odd already');
  });

  it("serves the application's and the process's metrics in Prometheus' format", async () => {
    metrics.meter.createCounter('things_done').add(2, { kind: 'good' });
    const response = await get('/metrics');
    expect(response.headers.get('content-type')).to.match(/^text\/plain/);
    const lines = (await response.text()).split('\n');
    const value = (start: string) =>
      Number(
        lines
          .find((line) => line.startsWith(start))
          ?.split(' ')
          .at(-1),
      );
    expect(value('things_done_total{kind="good"')).to.equal(2);
    expect(value('process_resident_memory_bytes')).to.be.greaterThan(1_000_000);
    expect(value('process_cpu_seconds_total{mode="user"')).to.be.greaterThan(0);
  });

  it('reports the event loop delay, without the sampling interval', async () => {
    const p50 = async () => {
      const text = await (await get('/metrics')).text();
      const delay = Number(/process_event_loop_delay_seconds\{quantile="0.5".* (\S+)/.exec(text)?.[1]);
      return delay < 0.015 ? delay : null;
    };
    expect(await eventually(p50, { within: 5000, what: 'a loop that is not late' })).to.be.at.least(0);
  });

  it('answers 404 to other paths', async () => {
    expect((await get('/')).status).to.equal(404);
    expect((await get('/metrics/../secret')).status).to.equal(404);
    const post = await get('/readyz', { method: 'POST' });
    expect([post.status, post.headers.get('allow')]).to.deep.equal([405, 'GET, HEAD']);
  });

  it('reports a used port in one line', async () => {
    const failure = await startOpsServer({ host: '127.0.0.1', port: server.port, health }).catch(
      (error: Error) => error,
    );
    expect(failure).to.be.instanceOf(Error);
    expect((failure as Error).message).to.equal(`cannot listen on 127.0.0.1:${server.port}: the port is in use`);
  });

  it('closes although clients keep connections open, and frees its port', async () => {
    await (await get('/livez')).text(); // fetch keeps the connection
    await server.close();
    await server.close();
    const again = await startOpsServer({ host: '127.0.0.1', port: server.port, health });
    await again.close();
  });
});
