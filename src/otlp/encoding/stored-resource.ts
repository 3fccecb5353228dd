/** A resource as it was stored: all its attributes are known, and it is nobody else's. */

import type { Resource } from './record-groups.ts';

type Attributes = Resource['attributes'];

/** What exporters and processors read of a resource; the SDK offers no class to make one of. */
export class StoredResource implements Resource {
  readonly attributes: Attributes;
  readonly schemaUrl?: string;
  readonly asyncAttributesPending = false;

  constructor(attributes: Attributes, schemaUrl: string | undefined) {
    this.attributes = attributes;
    if (schemaUrl !== undefined) this.schemaUrl = schemaUrl;
  }

  async waitForAsyncAttributes(): Promise<void> {}

  getRawAttributes(): [string, Attributes[string]][] {
    return Object.entries(this.attributes);
  }

  /**
   * As the specification has it (Resource SDK, "Merge"): attributes of `other` take precedence, and two schema URLs
   * that are not the same give none.
   */
  merge(other: Resource | null): Resource {
    if (other === null || other === undefined) return this;
    const schemaUrl = this.schemaUrl || other.schemaUrl;
    const isConflict = other.schemaUrl && schemaUrl !== other.schemaUrl;
    return new StoredResource(
      { ...this.attributes, ...other.attributes },
      isConflict ? undefined : schemaUrl,
    );
  }
}
