/** An application that knows nothing of OpenTelemetry. */
import bunyan from 'bunyan';
import { ends, name } from './end.cjs';

const logger = bunyan.createLogger({ name: 'app' });
for (let index = 0; index < 100; index++) logger.info(`${name} ${index}`);
ends();
