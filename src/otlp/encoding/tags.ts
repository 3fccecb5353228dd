/** Tags of the OTLP messages of logs: field number << 3 | wire type. */

/*
 * opentelemetry/proto/collector/logs/v1/logs_service.proto and logs/v1/logs.proto:
 *   ExportLogsServiceRequest { repeated ResourceLogs resource_logs = 1 }
 *   ResourceLogs { Resource resource = 1; repeated ScopeLogs scope_logs = 2; string schema_url = 3 }
 *   ScopeLogs { InstrumentationScope scope = 1; repeated LogRecord log_records = 2; string schema_url = 3 }
 */
export const RESOURCE_LOGS = 0x0a;
export const SCOPE_LOGS = 0x12;
export const LOG_RECORDS = 0x12;
/** `resource` and `scope`. */
export const RESOURCE_OR_SCOPE = 0x0a;
export const SCHEMA_URL = 0x1a;

/*
 * resource/v1/resource.proto and common/v1/common.proto:
 *   Resource { repeated KeyValue attributes = 1; uint32 dropped_attributes_count = 2 }
 *   InstrumentationScope { string name = 1; string version = 2; repeated KeyValue attributes = 3;
 *     uint32 dropped_attributes_count = 4 }
 */
export const RESOURCE_ATTRIBUTES = 0x0a;
export const RESOURCE_DROPPED_ATTRIBUTES = 0x10;
export const SCOPE_NAME = 0x0a;
export const SCOPE_VERSION = 0x12;
export const SCOPE_ATTRIBUTES = 0x1a;
export const SCOPE_DROPPED_ATTRIBUTES = 0x20;

/*
 * LogRecord { fixed64 time_unix_nano = 1; SeverityNumber severity_number = 2; string severity_text = 3;
 *   AnyValue body = 5; repeated KeyValue attributes = 6; uint32 dropped_attributes_count = 7; fixed32 flags = 8;
 *   bytes trace_id = 9; bytes span_id = 10; fixed64 observed_time_unix_nano = 11; string event_name = 12 }
 */
export const TIME = 0x09;
export const SEVERITY_NUMBER = 0x10;
export const SEVERITY_TEXT = 0x1a;
export const BODY = 0x2a;
export const ATTRIBUTES = 0x32;
export const DROPPED_ATTRIBUTES = 0x38;
export const FLAGS = 0x45;
export const TRACE_ID = 0x4a;
export const SPAN_ID = 0x52;
export const OBSERVED_TIME = 0x59;
export const EVENT_NAME = 0x62;

/*
 * common/v1/common.proto:
 *   AnyValue { oneof value { string string_value = 1; bool bool_value = 2; int64 int_value = 3;
 *     double double_value = 4; ArrayValue array_value = 5; KeyValueList kvlist_value = 6; bytes bytes_value = 7 } }
 *   ArrayValue { repeated AnyValue values = 1 }
 *   KeyValueList { repeated KeyValue values = 1 }
 *   KeyValue { string key = 1; AnyValue value = 2 }
 */
export const STRING_VALUE = 0x0a;
export const BOOL_VALUE = 0x10;
export const INT_VALUE = 0x18;
export const DOUBLE_VALUE = 0x21;
export const ARRAY_VALUE = 0x2a;
export const KVLIST_VALUE = 0x32;
export const BYTES_VALUE = 0x3a;
export const VALUES = 0x0a;
export const KEY = 0x0a;
export const VALUE = 0x12;
