import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { findOnPath } from '../../../src/infrastructure/embedded/rabbitmq-program.js';
import { buf } from '../buf.js';
import { ensureInstalled } from './debian-package.js';
import { scratchFolder } from './services.js';

/** The Debian package is for Debian's own Python, which need not be the first one on the PATH. */
const PYTHONS = ['python3', '/usr/bin/python3'];

/** A Python with gRPC, installed if necessary; or what is missing, in one line. */
export function pythonWithGrpc(): { python: string; missing: string | undefined } {
  const need = 'needs gRPC for Python: install python3-grpcio, python3-protobuf and protobuf-compiler';
  const missing =
    ensureInstalled('python3-grpcio', need, () => findPython('grpc') !== undefined) ??
    ensureInstalled('python3-protobuf', need, () => findPython('grpc, google.protobuf') !== undefined) ??
    ensureInstalled('protobuf-compiler', need, () => findOnPath('protoc') !== undefined);
  return { python: findPython('grpc, google.protobuf') ?? '', missing };
}

/** A Python with librdkafka's client, installed if necessary; or what is missing, in one line. */
export function pythonWithKafka(): { python: string; missing: string | undefined } {
  const need = 'needs Kafka for Python: install python3-confluent-kafka';
  const isThere = () => findPython('confluent_kafka') !== undefined;
  const missing = ensureInstalled('python3-confluent-kafka', need, isThere);
  return { python: findPython('confluent_kafka') ?? '', missing };
}

/** A folder with the Python modules of the .proto files. buf has the imported ones, which Debian packs apart. */
export async function pythonModules(): Promise<string> {
  const folder = scratchFolder('proto');
  const set = join(folder, 'set.binpb');
  await buf('build', '--as-file-descriptor-set', '-o', set);
  const args = [`--python_out=${folder}`, `--descriptor_set_in=${set}`, 'parley/v1/parley.proto'];
  const { status, stderr } = spawnSync('protoc', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`protoc: ${stderr}`);
  return folder;
}

function findPython(modules: string): string | undefined {
  return PYTHONS.find((python) => spawnSync(python, ['-c', `import ${modules}`], { stdio: 'ignore' }).status === 0);
}
