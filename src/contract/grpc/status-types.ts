/** The error details of Google's API design, as a protobufjs JSON descriptor (googleapis/googleapis, google/rpc). */
const field = (id: number, type = 'string') => ({ id, type });

export const statusTypes = {
  google: {
    nested: {
      rpc: {
        nested: {
          Status: {
            fields: {
              code: field(1, 'int32'),
              message: field(2),
              details: { ...field(3, 'google.protobuf.Any'), rule: 'repeated' },
            },
          },
          ErrorInfo: {
            fields: { reason: field(1), domain: field(2), metadata: { keyType: 'string', type: 'string', id: 3 } },
          },
          BadRequest: {
            fields: { field_violations: { ...field(1, 'FieldViolation'), rule: 'repeated' } },
            nested: { FieldViolation: { fields: { field: field(1), description: field(2) } } },
          },
          RetryInfo: { fields: { retry_delay: field(1, 'google.protobuf.Duration') } },
        },
      },
    },
  },
};
