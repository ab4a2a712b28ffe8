import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { TopologyFault } from '../../../src/adapters/transports/amqp/topology/declare-topology.js';
import {
  adoptNamespace,
  claimNamespace,
  OtherStore,
  storeOfNamespace,
} from '../../../src/adapters/transports/amqp/topology/namespace-claim.js';
import { names, type TopologySettings } from '../../../src/contract/messages/topology.js';
import { freePort } from '../../../src/infrastructure/free-port.js';
import { Taker } from '../../conformance/transport/transport-conformance.js';
import { Wire } from '../../support/broker/wire.js';
import { eventually } from '../../support/eventually.js';
import { rabbitmq, uniqueNamespace } from '../../support/services/services.js';
import { amqpTransport, Outsider, topologySettings } from './amqp-harness.js';

describe('The claim of a namespace by a store', () => {
  const [ours, others] = [randomUUID(), randomUUID()];
  let outsider: Outsider;
  let namespace: string;
  let made: TopologySettings[];

  beforeEach(async () => {
    outsider = await Outsider.connect((await rabbitmq()).url);
    namespace = uniqueNamespace();
    made = [topologySettings(namespace, 1)];
  });
  afterEach(async () => {
    for (const settings of made) await outsider.deleteObjects(settings);
    await outsider.close();
  });

  const rejection = (work: Promise<unknown>): Promise<Error> =>
    work.then(
      () => expect.fail('did not reject'),
      (error: Error) => error,
    );

  it('belongs to the first store, which may repeat it; another store gets an error with the owner', async () => {
    await claimNamespace(outsider.model, namespace, ours);
    await claimNamespace(outsider.model, namespace, ours);
    const refused = await rejection(claimNamespace(outsider.model, namespace, others));
    expect(refused).to.be.instanceOf(OtherStore).and.to.include({ storeId: ours });
    expect(refused.message)
      .to.include(`belongs to store ${ours}, and this database is store ${others}`)
      .and.to.include('parley topology --adopt')
      .and.not.to.include('\n');
    expect(await storeOfNamespace(outsider.model, namespace, others)).to.deep.equal({ kind: 'other', storeId: ours });
    expect(await storeOfNamespace(outsider.model, namespace, ours)).to.deep.equal({ kind: 'ours' });
  });

  it('belongs to one of several concurrent stores', async () => {
    const ids = Array.from({ length: 8 }, () => randomUUID());
    const outcomes = await Promise.all(
      ids.map((id) =>
        claimNamespace(outsider.model, namespace, id).then(
          () => id,
          (error: OtherStore) => error.storeId,
        ),
      ),
    );
    expect(new Set(outcomes).size).to.equal(1);
    expect(ids).to.include(outcomes[0]);
  });

  it('belongs to another store after an adoption, and the first one is refused', async () => {
    await claimNamespace(outsider.model, namespace, ours);
    await adoptNamespace(outsider.model, namespace, others);
    const refused = await rejection(claimNamespace(outsider.model, namespace, ours));
    expect(refused).to.be.instanceOf(OtherStore).and.to.include({ storeId: others });
  });

  it('is unknown if the exchange has another form', async () => {
    await outsider.channel.assertExchange(names.store(namespace), 'topic', { durable: true });
    const refused = await rejection(claimNamespace(outsider.model, namespace, ours));
    expect(refused).to.be.instanceOf(TopologyFault).and.not.to.be.instanceOf(OtherStore);
    expect(refused.message).to.include(`exchange ${namespace}.store: type should be fanout`);
  });

  it("prevents the start of another store's transport, before it declares anything", async () => {
    await claimNamespace(outsider.model, namespace, others);
    const { transport } = await amqpTransport({ namespace, storeId: ours });
    expect(await rejection(transport.start())).to.be.instanceOf(OtherStore);
    await transport.stop();
    const code = await outsider.channel
      .checkExchange(names.commands(namespace))
      .catch((error: { code?: number }) => error.code);
    expect(code).to.equal(404);
    await outsider.close();
    outsider = await Outsider.connect((await rabbitmq()).url);
  });

  it('is checked at each connection: a running transport of another store stops consuming, with the reason, until it owns the namespace again', async () => {
    const wire = new Wire(await freePort(), (await rabbitmq()).url);
    await wire.join();
    const { transport, log } = await amqpTransport({ url: wire.url, namespace, storeId: ours });
    await transport.start();
    const taker = new Taker();
    await transport.source.subscribe(0, 10, taker);
    // As another broker at the same address, where another store connected first.
    await adoptNamespace(outsider.model, namespace, others);
    await wire.cut();
    await wire.join();
    const within = 30_000;
    await eventually(() => taker.losses.length > 0, { within, what: 'the loss of the subscription' });
    const isRefused = () => transport.health().detail.includes(`belongs to store ${others}`);
    await eventually(isRefused, { within, what: 'the reason in the health' });
    expect(transport.health().ok).to.equal(false);
    expect((await rejection(transport.source.subscribe(0, 10, new Taker()))).name).to.equal('ConnectionAway');
    expect((await rejection(transport.sink.openChannel())).name).to.equal('ConnectionAway');
    const request = { type: 'message.send', commandId: 'c1', routingKey: 'key', body: Buffer.from('{}') };
    const knocking = transport.gateway.request(
      { ...request, authorization: null, traceparent: null, tracestate: null },
      100,
    );
    expect((await rejection(knocking)).name).to.equal('CommandUnavailable');
    const warnings = log.lines.filter((line) => line.includes('this broker must not be used'));
    expect(warnings.length).to.be.greaterThan(0);
    await adoptNamespace(outsider.model, namespace, ours);
    await eventually(() => transport.health().ok, { within, what: 'the return of the transport' });
    await transport.stop();
    await wire.cut();
  });
});
