import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** 127.0.0.1 and ::1 as the kernel writes them. */
export const LOOPBACK = ['0100007F', '00000000000000000000000001000000'];
/** The kernel's number for the state of a socket that listens. */
const LISTEN = '0A';

/** On what a process listens for TCP connections, hosts as the kernel writes them (Linux only). */
export function listenersOf(pid: number): { host: string; port: number }[] {
  const sockets = new Set(
    readdirSync(`/proc/${pid}/fd`).map((descriptor) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${descriptor}`);
      } catch {
        return ''; // closed meanwhile
      }
    }),
  );
  return ['tcp', 'tcp6'].flatMap((table) =>
    readFileSync(`/proc/net/${table}`, 'utf8')
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter((fields) => fields[3] === LISTEN && sockets.has(`socket:[${fields[9]}]`))
      .map((fields) => {
        const [host, port] = (fields[1] as string).split(':') as [string, string];
        return { host, port: Number.parseInt(port, 16) };
      }),
  );
}
