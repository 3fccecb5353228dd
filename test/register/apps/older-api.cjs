/** An application that logs through the logs API of the 0.2xx releases. */
const { logs } = require('@opentelemetry/api-logs');

logs.getLogger('app').emit({ body: 'emitted' });
