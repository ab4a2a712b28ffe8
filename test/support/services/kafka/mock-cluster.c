/*
 * A Kafka cluster for tests: librdkafka's mock brokers as a process of its own, steered over stdin.
 *
 *   mock-cluster BROKERS TOPIC PARTITIONS
 *
 * The first line of output is the list of brokers. Each command is answered with `ok` or `error TEXT`; it ends with its
 * input.
 *
 *   errors API CODE COUNT      the next COUNT requests with this API key fail with this protocol error
 *   slow BROKER MS             each answer of the broker is late by this time
 *   down BROKER | up BROKER    connections are closed and refused, until `up`
 *   leader PARTITION BROKER    moves the leader
 *   dump                       one line per record: partition, offset, key, value, and name=value per header, in hex
 */
#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CODES_MAX 64
#define POLL_MS 10000

static rd_kafka_t *client(rd_kafka_type_t type, const char *brokers) {
  char text[512];
  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  rd_kafka_conf_set(conf, "log_level", "0", text, sizeof text);
  if (brokers != NULL) {
    rd_kafka_conf_set(conf, "bootstrap.servers", brokers, text, sizeof text);
    rd_kafka_conf_set(conf, "group.id", "dump", text, sizeof text);
    rd_kafka_conf_set(conf, "enable.partition.eof", "true", text, sizeof text);
    rd_kafka_conf_set(conf, "fetch.wait.max.ms", "10", text, sizeof text);
  }
  rd_kafka_t *made = rd_kafka_new(type, conf, text, sizeof text);
  if (made == NULL) {
    fprintf(stderr, "%s\n", text);
    exit(1);
  }
  return made;
}

static void print_hex(const void *bytes, size_t size) {
  for (size_t i = 0; i < size; i++) printf("%02x", ((const unsigned char *)bytes)[i]);
}

static void print_record(const rd_kafka_message_t *record) {
  rd_kafka_headers_t *headers;
  printf("%" PRId32 " %" PRId64 " ", record->partition, record->offset);
  print_hex(record->key, record->key_len);
  putchar(' ');
  print_hex(record->payload, record->len);
  if (rd_kafka_message_headers(record, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
    const char *name;
    const void *value;
    size_t size;
    for (size_t i = 0; !rd_kafka_header_get_all(headers, i, &name, &value, &size); i++) {
      printf(" %s=", name);
      print_hex(value, size);
    }
  }
  putchar('\n');
}

/* Reads every partition from its beginning to its end, with a consumer of librdkafka. */
static const char *dump(const char *brokers, const char *topic, int partitions) {
  rd_kafka_t *consumer = client(RD_KAFKA_CONSUMER, brokers);
  rd_kafka_poll_set_consumer(consumer);
  rd_kafka_topic_partition_list_t *all = rd_kafka_topic_partition_list_new(partitions);
  for (int i = 0; i < partitions; i++)
    rd_kafka_topic_partition_list_add(all, topic, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
  rd_kafka_assign(consumer, all);
  rd_kafka_topic_partition_list_destroy(all);
  const char *fault = NULL;
  for (int open = partitions; open > 0 && fault == NULL;) {
    rd_kafka_message_t *record = rd_kafka_consumer_poll(consumer, POLL_MS);
    if (record == NULL) fault = "no answer";
    else if (record->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) open--;
    else if (record->err == RD_KAFKA_RESP_ERR_NO_ERROR) print_record(record);
    if (record != NULL) rd_kafka_message_destroy(record);
  }
  rd_kafka_consumer_close(consumer);
  rd_kafka_destroy(consumer);
  return fault;
}

int main(int count, char **given) {
  if (count != 4) return 2;
  const int brokers = atoi(given[1]), partitions = atoi(given[3]);
  const char *topic = given[2];
  rd_kafka_t *host = client(RD_KAFKA_PRODUCER, NULL);
  rd_kafka_mock_cluster_t *cluster = rd_kafka_mock_cluster_new(host, brokers);
  if (partitions > 0) rd_kafka_mock_topic_create(cluster, topic, partitions, brokers);
  char addresses[1024];
  snprintf(addresses, sizeof addresses, "%s", rd_kafka_mock_cluster_bootstraps(cluster));
  puts(addresses);
  fflush(stdout);
  char line[256];
  while (fgets(line, sizeof line, stdin) != NULL) {
    int a, b, c;
    const char *fault = NULL;
    rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
    if (sscanf(line, "errors %d %d %d", &a, &b, &c) == 3 && c <= CODES_MAX) {
      rd_kafka_resp_err_t codes[CODES_MAX];
      for (int i = 0; i < c; i++) codes[i] = b;
      rd_kafka_mock_push_request_errors_array(cluster, a, c, codes);
    } else if (sscanf(line, "slow %d %d", &a, &b) == 2) error = rd_kafka_mock_broker_set_rtt(cluster, a, b);
    else if (sscanf(line, "down %d", &a) == 1) error = rd_kafka_mock_broker_set_down(cluster, a);
    else if (sscanf(line, "up %d", &a) == 1) error = rd_kafka_mock_broker_set_up(cluster, a);
    else if (sscanf(line, "leader %d %d", &a, &b) == 2)
      error = rd_kafka_mock_partition_set_leader(cluster, topic, a, b);
    else if (strcmp(line, "dump\n") == 0) fault = dump(addresses, topic, partitions);
    else fault = "unknown command";
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) fault = rd_kafka_err2str(error);
    if (fault == NULL) puts("ok");
    else printf("error %s\n", fault);
    fflush(stdout);
  }
  rd_kafka_mock_cluster_destroy(cluster);
  rd_kafka_destroy(host);
  return 0;
}
