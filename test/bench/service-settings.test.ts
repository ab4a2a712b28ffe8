import { expect } from 'chai';
import { serviceSettings } from '../../bench/running/service-settings.js';

describe('The settings of a variant', () => {
  it('are given by service, separated by blanks', () => {
    expect(serviceSettings('')).to.deep.equal({ postgres: {}, rabbitmq: {} });
    expect(serviceSettings('rabbitmq.log.file.level=none  postgres.work_mem=8MB')).to.deep.equal({
      postgres: { work_mem: '8MB' },
      rabbitmq: { 'log.file.level': 'none' },
    });
  });

  it('are refused in one line in any other form', () => {
    for (const wrong of ['work_mem=8MB', 'mysql.a=b', 'postgres.work_mem', 'postgres.=8MB'])
      expect(() => serviceSettings(wrong), wrong).to.throw(/^--vary wants .+, not \S+$/);
  });
});
