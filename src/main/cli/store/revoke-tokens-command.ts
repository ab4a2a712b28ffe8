import { PrismaTokenRevocations } from '../../../adapters/stores/prisma/prisma-token-revocations.js';
import { withCommandDatabase } from '../command-database.js';

export interface RevokeTokensRequest {
  user: string;
  tenant: string;
  issuedBefore?: Date;
}

/** `parley revoke-tokens`: processes refuse the tokens within about a second, and gateways end their connections. */
export async function runRevokeTokens({ user, tenant, issuedBefore }: RevokeTokensRequest): Promise<void> {
  await withCommandDatabase(async (database) => {
    const revocations = new PrismaTokenRevocations(database);
    const time = await revocations.revoke({ tenantId: tenant, userId: user }, issuedBefore ?? null);
    console.log(`tokens of ${tenant}/${user} that were issued before ${time.toISOString()} are refused`);
  });
}
