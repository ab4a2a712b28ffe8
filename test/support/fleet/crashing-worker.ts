/**
 * A worker as `parley worker` runs it, that dies of every command whose id begins with `deadly`: in the transaction, as
 * of a crash of the engine.
 */
import { CommandDecider } from '../../../src/application/processing/command-decider.js';
import { runRoles } from '../../../src/main/roles/run-roles.js';

const { decide } = CommandDecider.prototype;
CommandDecider.prototype.decide = function (items, ...rest) {
  if (items.some(({ delivery }) => delivery.incoming.messageId?.startsWith('deadly') === true))
    process.kill(process.pid, 'SIGKILL');
  return decide.call(this, items, ...rest);
};

await runRoles(['worker']);
