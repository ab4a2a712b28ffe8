/** The part of a WebSocket that the client uses. The standard one and the class of the package `ws` have it. */
export interface WebSocketLike {
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  send(text: string): void;
  close(code?: number): void;
  /** Only of `ws`: ends the connection without the closing handshake. */
  terminate?(): void;
}

export type WebSocketClass = new (url: string, protocols: string[]) => WebSocketLike;

export interface SocketHandlers {
  onOpen(): void;
  /** `text` is null if it was not a text. */
  onMessage(text: string | null): void;
  /** Called once, also if the connection could not be opened. */
  onClose(code: number, reason: string): void;
}

/** The default class: the one of the platform, if it has one (browsers, workers, React Native, Node 22 and newer). */
export function platformWebSocket(): WebSocketClass | undefined {
  return (globalThis as { WebSocket?: WebSocketClass }).WebSocket;
}

/** A socket whose events end with `abandon`, or after `onClose`. */
export class Socket {
  #isOpen = false;

  constructor(
    private readonly socket: WebSocketLike,
    handlers: SocketHandlers,
  ) {
    socket.onopen = () => {
      this.#isOpen = true;
      handlers.onOpen();
    };
    socket.onmessage = ({ data }: { data: unknown }) => handlers.onMessage(typeof data === 'string' ? data : null);
    socket.onclose = ({ code, reason }: { code?: number; reason?: unknown }) => {
      this.#isOpen = false;
      this.#detach();
      handlers.onClose(code ?? 1006, typeof reason === 'string' ? reason : '');
    };
    // `close` follows. A browser does not say what was wrong.
    socket.onerror = () => undefined;
  }

  /** False: the connection is not open (any more), and `onClose` follows or was called. */
  send(text: string): boolean {
    if (!this.#isOpen) return false;
    this.socket.send(text);
    return true;
  }

  /** Closes it. No handler is called any more. `isDead`: nobody answers, so there is nothing to wait for. */
  abandon(isDead: boolean): void {
    this.#isOpen = false;
    this.#detach();
    if (isDead && this.socket.terminate !== undefined) this.socket.terminate();
    else this.socket.close();
  }

  #detach(): void {
    this.socket.onopen = null;
    this.socket.onmessage = null;
    this.socket.onclose = null;
    // Not null: `ws` emits an error if it is closed before it is open.
    this.socket.onerror = () => undefined;
  }
}
