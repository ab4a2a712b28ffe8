import { join } from 'node:path';
import { build } from 'esbuild';
import { projectFolder } from '../../../support/services/services.js';

/** A module of the chat page, bundled as the page's build does, because its sources are no part of this compilation. */
export async function pageModule<T>(path: string): Promise<T> {
  const { outputFiles } = await build({
    entryPoints: [join(projectFolder, 'web/chat/src', path)],
    ...{ bundle: true, format: 'esm', platform: 'browser', write: false },
  });
  const [bundle] = outputFiles;
  return (await import(`data:text/javascript,${encodeURIComponent(bundle?.text ?? '')}`)) as T;
}
