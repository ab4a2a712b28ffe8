import { writeFileSync } from 'node:fs';
import { openApiDocument } from '../../adapters/apis/http/docs/openapi.js';
import { asyncApiDocument } from '../../contract/asyncapi/document.js';
import { StartupError } from '../../infrastructure/process/startup-error.js';
import { requireSettings, topologySettings } from '../settings.js';

export interface ContractRequest {
  asyncapi?: boolean;
  openapi?: boolean;
  out?: string;
}

/** Prints a document of the contract, or writes it to a file. The AsyncAPI document is of the broker's objects as the environment sets them. */
export function runContract({ asyncapi, openapi, out }: ContractRequest): void {
  if (asyncapi === openapi) throw new StartupError(['name one document: --asyncapi or --openapi']);
  const document = asyncapi ? asyncApiDocument(topologySettings(requireSettings('topology'))) : openApiDocument();
  const text = `${JSON.stringify(document, null, 2)}\n`;
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
