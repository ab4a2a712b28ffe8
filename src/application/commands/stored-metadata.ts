import type { Metadata } from '../../domain/chat.js';

/**
 * Metadata as it will be read back. JSON has no minus zero, so without this the same metadata would compare as
 * different.
 */
export function storedMetadata(metadata: Metadata): Metadata {
  return JSON.parse(JSON.stringify(metadata)) as Metadata;
}
