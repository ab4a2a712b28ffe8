import { StartupError } from '../../infrastructure/process/startup-error.js';
import { DATABASE } from './needs.js';
import { defineRole } from './role.js';

/** Event log → search index, apart from the workers. It needs no broker. */
export const indexer = defineRole({
  name: 'indexer',
  summary: 'fill the search index; workers do it too, unless SEARCH=indexer',
  variables: {},
  needs: [DATABASE],
  usesTransport: false,
  isInDev: ({ search }) => search === 'indexer',

  async compose(context) {
    const { indexingParts } = await import('./indexing.js');
    const parts = await indexingParts(context, 'indexer', () => false);
    if (parts === null) throw new StartupError(['the role indexer has nothing to do: SEARCH is off']);
    return parts;
  },
});
