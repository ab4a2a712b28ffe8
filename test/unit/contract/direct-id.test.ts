import { createHash } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { DIRECT_CHAT_NAMESPACE, directChatId } from '../../../src/contract/messages/direct-chat-id.js';
import { TENANT_ID_PATTERN, USER_ID_PATTERN, UUID_PATTERN } from '../../../src/contract/messages/identifiers.js';

/** UUIDv5 by the letter of RFC 9562, section 5.5. */
function uuidV5(name: string, namespace: string): string {
  const hash = createHash('sha1')
    .update(Buffer.from(namespace.replaceAll('-', ''), 'hex'))
    .update(name)
    .digest();
  hash[6] = ((hash[6] as number) & 0x0f) | 0x50;
  hash[8] = ((hash[8] as number) & 0x3f) | 0x80;
  return hash.toString('hex', 0, 16).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

const userId = fc.stringMatching(/^[A-Za-z0-9_-][A-Za-z0-9_@:.+|-]{0,127}$/).filter((id) => USER_ID_PATTERN.test(id));
const tenantId = fc.stringMatching(TENANT_ID_PATTERN);

describe("A direct chat's id", () => {
  it("is the contract's example for alice and bob", () => {
    expect(DIRECT_CHAT_NAMESPACE).to.equal('25d63a2e-2e58-59e1-b206-937dc2ec3bd7');
    expect(directChatId('default', 'alice', 'bob')).to.equal('d86a83b1-706f-5a3f-a04f-36b63ad13861');
  });

  it('is the same for both users', () => {
    expect(directChatId('default', 'bob', 'alice')).to.equal('d86a83b1-706f-5a3f-a04f-36b63ad13861');
  });

  it('orders the two by code units, not by alphabet', () => {
    expect(directChatId('default', 'a', 'B')).to.equal(uuidV5('["default","B","a"]', DIRECT_CHAT_NAMESPACE));
    expect(directChatId('default', 'u10', 'u9')).to.equal(uuidV5('["default","u10","u9"]', DIRECT_CHAT_NAMESPACE));
  });

  it('is also computed for a chat with oneself', () => {
    expect(directChatId('default', 'alice', 'alice')).to.equal(
      uuidV5('["default","alice","alice"]', DIRECT_CHAT_NAMESPACE),
    );
  });

  it('is the UUIDv5 of the sorted pair, for any tenant and users', () => {
    fc.assert(
      fc.property(tenantId, userId, userId, (tenant, one, other) => {
        const [a, b] = [one, other].sort((x, y) => (x < y ? -1 : x > y ? 1 : 0));
        const id = directChatId(tenant, one, other);
        expect(id)
          .to.equal(uuidV5(`["${tenant}","${a}","${b}"]`, DIRECT_CHAT_NAMESPACE))
          .and.match(UUID_PATTERN);
        expect(directChatId(tenant, other, one)).to.equal(id);
      }),
    );
  });

  it('differs for other pairs and other tenants', () => {
    const ids = ['alice', 'bob', 'carol'].flatMap((one) =>
      ['default', 'acme'].flatMap((tenant) =>
        ['alice', 'bob', 'carol'].map((other) => directChatId(tenant, one, other)),
      ),
    );
    expect(new Set(ids)).to.have.property('size', 12);
  });
});
