import { broker } from './broker.js';
import { commands } from './commands.js';
import { database } from './database.js';
import { disk } from './disk.js';
import { dispatch } from './dispatch.js';
import { groups } from './groups.js';
import { kills } from './kills.js';
import { relay } from './relay.js';
import type { Scenario } from './scenario.js';
import { workers } from './workers.js';

/** In the order of the report. */
export const scenarios: readonly Scenario[] = [
  ...kills,
  ...groups,
  ...database,
  ...disk,
  ...broker,
  ...dispatch,
  ...commands,
  ...workers,
  ...relay,
];
