/** The version of this package, as it reports itself to a MeterProvider. */

export const VERSION = '0.1.0';
