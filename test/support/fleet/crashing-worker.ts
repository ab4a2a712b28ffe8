/** `parley worker` that crashes in the transaction when it decides a command whose id begins with `deadly`. */
import { CommandDecider } from '../../../src/application/processing/execution/command-decider.js';
import { runRoles } from '../../../src/main/roles/run-roles.js';

const { decide } = CommandDecider.prototype;
CommandDecider.prototype.decide = function (items, ...rest) {
  if (items.some(({ delivery }) => delivery.incoming.messageId?.startsWith('deadly') === true))
    process.kill(process.pid, 'SIGKILL');
  return decide.call(this, items, ...rest);
};

await runRoles(['worker']);
