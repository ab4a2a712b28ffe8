import {
  currentCommit,
  type Machine as Described,
  describeMachine as describe,
  loadNow,
} from '../reporting/machine.js';

/** The machine of a long run. */
export interface Machine extends Described {
  commit: string;
  loadAfter: number;
}

/** @returns a function to call at the end */
export async function describeMachine(databaseUrl: string, amqpUrl: string): Promise<() => Machine> {
  const described = await describe(databaseUrl, amqpUrl);
  return () => ({ ...described, commit: currentCommit(), loadAfter: loadNow() });
}

export function machineLine(machine: Machine): string {
  const { cpu, cores, memoryGib, kernel, node, postgres, rabbitmq, commit, loadBefore, loadAfter } = machine;
  return `${cpu}, ${cores} cores, ${memoryGib} GiB, ${kernel}; Node ${node}, PostgreSQL ${postgres}, RabbitMQ ${rabbitmq}; commit ${commit}; load average ${loadBefore} at the beginning, ${loadAfter} at the end.`;
}
