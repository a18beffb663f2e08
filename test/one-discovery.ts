import { MetadataDiscovery, type MetadataStorage } from '@mikro-orm/core';

/**
 * What MikroORM works out about the entities, once for each dialect in place of once for each node: it takes longer than
 * most tests, and is the same each time, because every node of the tests has the same entities and settings.
 */
const found = new Map<string, Promise<MetadataStorage>>();
const discover = MetadataDiscovery.prototype.discover;

MetadataDiscovery.prototype.discover = function (this: MetadataDiscovery, preferTs?: boolean) {
  const { platform, config } = this as unknown as {
    platform: object;
    config: { get(name: 'entities'): readonly unknown[] };
  };
  const key = `${platform.constructor.name} ${config.get('entities').length}`;
  let result = found.get(key);
  if (!result) {
    result = discover.call(this, preferTs);
    found.set(key, result);
  }
  return result;
};
