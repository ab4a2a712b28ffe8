import { writeFileSync } from 'node:fs';
import { openApiDocument } from '../../adapters/apis/http/docs/openapi.js';
import { asyncApiDocument } from '../../contract/asyncapi/document.js';
import { messageReference } from '../../contract/asyncapi/message-reference.js';
import { protoDocument } from '../../contract/grpc/proto-document.js';
import type { TopologySettings } from '../../contract/messages/topology.js';
import { StartupError } from '../../infrastructure/process/startup-error.js';
import { topologySettings } from '../settings/topology-settings.js';
import { requireSettings } from '../settings.js';

export interface ContractRequest {
  asyncapi?: boolean;
  openapi?: boolean;
  reference?: boolean;
  proto?: boolean;
  out?: string;
}

/**
 * Prints a document of the contract, or writes it to a file. AsyncAPI document and reference name the broker's objects
 * as the environment sets them.
 */
export function runContract({ asyncapi, openapi, reference, proto, out }: ContractRequest): void {
  const chosen = [asyncapi, openapi, reference, proto].filter((option) => option === true);
  if (chosen.length !== 1) throw new StartupError(['name one document: --asyncapi, --openapi, --reference or --proto']);
  const text =
    proto === true
      ? protoDocument()
      : reference === true
        ? messageReference(topology().namespace)
        : json(asyncapi === true);
  if (out === undefined) {
    process.stdout.write(text);
    return;
  }
  try {
    writeFileSync(out, text);
  } catch (cause) {
    throw new StartupError([`${out} cannot be written: ${(cause as Error).message}`], { cause });
  }
}

function topology(): TopologySettings {
  return topologySettings(requireSettings('command'));
}

function json(isAsyncApi: boolean): string {
  return `${JSON.stringify(isAsyncApi ? asyncApiDocument(topology()) : openApiDocument(), null, 2)}\n`;
}
