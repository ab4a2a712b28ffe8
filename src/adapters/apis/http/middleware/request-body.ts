import { isUtf8 } from 'node:buffer';
import express, { type Request, type Response } from 'express';
import { BODY_MAX_DEPTH } from '../../../../contract/messages/commands.js';
import { REQUEST_BODY_MAX_BYTES } from '../api-settings.js';
import { type Answer, problemAnswer } from '../response.js';

export type RequestBody = { data: unknown } | { refused: Answer };

/** The body is the command's data, one level below the command itself. */
const DATA_MAX_DEPTH = BODY_MAX_DEPTH - 1;

// Compressed bodies are refused: at this size, decompression is not worth its risks.
const readRaw = express.raw({ type: () => true, limit: REQUEST_BODY_MAX_BYTES, inflate: false });

function tooLarge(): Answer {
  return problemAnswer('too_large', { detail: `at most ${REQUEST_BODY_MAX_BYTES} bytes are allowed` });
}

function malformed(detail: string): RequestBody {
  return { refused: problemAnswer('malformed', { detail }) };
}

function unsupported(detail: string): RequestBody {
  return { refused: problemAnswer('unsupported_media_type', { detail }) };
}

/**
 * Why a command cannot carry the value unchanged. Null if it can. Iterative, because JSON.parse accepts any depth. A
 * number beyond a double's range is parsed as infinite, and would be written as null.
 */
function transportFault(root: unknown): string | null {
  let level = [root];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (level.some((value) => typeof value === 'number' && !Number.isFinite(value)))
      return 'must not contain numbers beyond the range of a double';
    const containers = level.filter((value) => typeof value === 'object' && value !== null);
    if (containers.length > 0 && depth === DATA_MAX_DEPTH) return `must nest at most ${DATA_MAX_DEPTH} levels deep`;
    level = containers.flatMap((value) => Object.values(value as object));
  }
  return null;
}

/** Reads a request's JSON body. Refuses a body that cannot be command data. The worker validates the content. */
export async function readBody(request: Request, response: Response): Promise<RequestBody> {
  const {
    'content-type': contentType = '',
    'content-length': length = '0',
    'transfer-encoding': chunked,
  } = request.headers;
  if (length === '0' && chunked === undefined) return malformed('a JSON body is required');
  if (Number(length) > REQUEST_BODY_MAX_BYTES) return { refused: tooLarge() };
  if (!/^application\/json\s*(;\s*charset="?utf-?8"?\s*)?$/i.test(contentType))
    return unsupported('the body must be application/json in UTF-8');

  const fault = await new Promise<unknown>((resolve) => {
    readRaw(request, response, resolve);
  });
  if (fault !== undefined) return faultOf(fault);
  const raw: Uint8Array | undefined = request.body;
  // The reader ignores a request whose client has disconnected.
  if (raw === undefined) return malformed('the body is not complete');
  if (!isUtf8(raw)) return malformed('the body is not UTF-8');
  let data: unknown;
  try {
    data = JSON.parse(Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength).toString('utf8'));
  } catch {
    return malformed('the body is not JSON');
  }
  const message = transportFault(data);
  if (message === null) return { data };
  return { refused: problemAnswer('invalid', { violations: [{ path: 'data', message }] }) };
}

/** The reader's errors, by their `type`. Other errors are rethrown. */
function faultOf(fault: unknown): RequestBody {
  switch ((fault as { type?: string }).type) {
    case 'entity.too.large':
      return { refused: tooLarge() };
    case 'encoding.unsupported':
      return unsupported('the body must not be compressed');
    case 'request.size.invalid':
    case 'request.aborted':
      return malformed('the body is not complete');
    default:
      throw fault;
  }
}
