import { join } from 'node:path';
import { startProcess, type TestProcess } from '../../../support/fleet/processes.js';
import { projectFolder } from '../../../support/services/services.js';

export interface Owned {
  readonly pid?: number;
  readonly url?: string;
  readonly programsCopy?: string;
  readonly nodeName?: string;
  readonly locked?: boolean;
  readonly refused?: string;
}

/** Starts a process that owns a server in the folder, and returns its first line. */
export async function startOwner(
  what: 'postgres' | 'rabbitmq' | 'lock',
  folder: string,
  ...programs: string[]
): Promise<{ child: TestProcess; owned: Owned }> {
  const script = join(projectFolder, 'dist', 'test', 'integration', 'infrastructure', 'embedded', 'owner-child.js');
  const child = await startProcess({ script, args: [what, folder, ...programs] });
  const owned = JSON.parse(await child.line(/^\{/)) as Owned;
  return { child, owned };
}
