import type { Metadata } from '../../domain/chat.js';

/** Metadata as it will be read back: JSON text keeps no minus zero, which would make the same metadata look like others. */
export function storedMetadata(metadata: Metadata): Metadata {
  return JSON.parse(JSON.stringify(metadata)) as Metadata;
}
