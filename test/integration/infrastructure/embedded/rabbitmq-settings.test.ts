import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { chooseSettings } from '../../../../src/infrastructure/embedded/rabbitmq-settings.js';
import { freePort } from '../../../../src/infrastructure/free-port.js';
import { scratchFolder } from '../../../support/services/services.js';

const portsOf = ({ port, managementPort, distributionPort, epmdPort }: Awaited<ReturnType<typeof chooseSettings>>) => [
  port,
  managementPort,
  distributionPort,
  epmdPort,
];

describe('The ports of a private RabbitMQ', () => {
  it('are four different ones, even if the folder has stored the same one several times', async () => {
    const folder = scratchFolder('rabbitmq-settings');
    const same = await freePort();
    const kept = {
      nodeName: 'node-1@localhost',
      port: same,
      managementPort: same,
      distributionPort: same,
      epmdPort: same,
    };
    writeFileSync(join(folder, 'node.json'), JSON.stringify(kept));
    for (const wanted of [0, same]) {
      const ports = portsOf(await chooseSettings(folder, wanted));
      expect(new Set(ports).size, String(ports)).to.equal(4);
      expect(ports[0]).to.equal(same);
    }
  });

  it('are the same at the next start if they are free', async () => {
    const folder = scratchFolder('rabbitmq-settings-kept');
    const first = await chooseSettings(folder, 0);
    expect(await chooseSettings(folder, 0)).to.deep.equal(first);
    expect(JSON.parse(readFileSync(join(folder, 'node.json'), 'utf8'))).to.deep.equal(first);
  });
});
