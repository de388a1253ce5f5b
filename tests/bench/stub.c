/* The upstream of every server that is measured: A questions are answered with 192.0.2.1, others with
 * nothing, up to 64 at a time, so that an upstream is never what is measured. A first label that begins
 * with "fail" gets SERVFAIL, one that begins with "mute" no answer at all.
 * Built by programs.py. Usage: stub PORT */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define BATCH 64
#define SIZE 1500 /* octets read of a question, with room behind them for what is added */
#define ROOM 64

static unsigned char octets[BATCH][SIZE + ROOM];
/* The qname's A record: TTL an hour, so that what was asked once is known as long as anybody measures. */
static const unsigned char record[16] = {0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0x0e, 0x10, 0, 4, 192, 0, 2, 1};
static const unsigned char opt[11] = {0, 0, 41, 0x04, 0xd0};

/* Turn a question into its reply, in place; the length, 0 for silence. */
static size_t reply(unsigned char *message, size_t length)
{
    size_t end = 12;
    while (end < length && message[end])
        end += message[end] + 1u;
    end += 5;
    if (end > length || message[2] & 0x80 || !memcmp(message + 13, "mute", 4))
        return 0;
    int failing = !memcmp(message + 13, "fail", 4);
    int answered = !failing && message[end - 4] == 0 && message[end - 3] == 1;
    int edns = message[11] != 0;
    message[2] = 0x81; /* QR, RD */
    message[3] = failing ? 0x82 : 0x80; /* RA */
    message[6] = message[8] = message[9] = message[10] = 0;
    message[7] = (unsigned char)answered;
    message[11] = (unsigned char)edns;
    if (answered) {
        memcpy(message + end, record, sizeof record);
        end += sizeof record;
    }
    if (edns) {
        memcpy(message + end, opt, sizeof opt);
        end += sizeof opt;
    }
    return end;
}

int main(int argc, char **argv)
{
    int room = 4 << 20, sock = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in here = {.sin_family = AF_INET}, peers[BATCH];
    struct iovec parts[BATCH];
    struct mmsghdr messages[BATCH], *answers = calloc(BATCH, sizeof *answers);

    if (argc != 2 || !answers)
        return 2;
    here.sin_port = htons((unsigned short)atoi(argv[1]));
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (setsockopt(sock, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room)) /* root may have more than others */
        setsockopt(sock, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    if (bind(sock, (struct sockaddr *)&here, sizeof here))
        return 1;
    memset(messages, 0, sizeof messages);
    for (int i = 0; i < BATCH; i++) {
        parts[i].iov_base = octets[i];
        messages[i].msg_hdr.msg_iov = &parts[i];
        messages[i].msg_hdr.msg_iovlen = 1;
        messages[i].msg_hdr.msg_name = &peers[i];
    }
    for (;;) {
        for (int i = 0; i < BATCH; i++) {
            parts[i].iov_len = SIZE;
            messages[i].msg_hdr.msg_namelen = sizeof peers[i];
        }
        int count = recvmmsg(sock, messages, BATCH, MSG_WAITFORONE, 0), ready = 0;
        for (int i = 0; i < count; i++) {
            parts[i].iov_len = reply(octets[i], messages[i].msg_len);
            if (parts[i].iov_len)
                answers[ready++] = messages[i];
        }
        for (int sent = 0; sent < ready;) {
            int more = sendmmsg(sock, answers + sent, (unsigned)(ready - sent), 0);
            sent += more > 0 ? more : 1;
        }
    }
}
