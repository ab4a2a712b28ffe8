import { hostname } from 'node:os';
import { v7 } from 'uuid';

/** A new id for this process: `<host>-<pid>-<random>`. */
export function newWorkerId(): string {
  return `${hostname().slice(0, 40)}-${process.pid}-${v7().slice(-6)}`;
}
