/* The ceiling of this machine: a server that reads up to 64 datagrams with one call, turns each into
 * a reply by setting a bit and adding a fixed record, and sends them with one call. No parsing.
 * Built and run by rates.py. Usage: echo PORT */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define BATCH 64
#define SIZE 1500

static unsigned char octets[BATCH][SIZE];
static const unsigned char record[16] = {0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1};

int main(int argc, char **argv)
{
    int room = 4 << 20, sock = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in here = {.sin_family = AF_INET}, peers[BATCH];
    struct iovec parts[BATCH];
    struct mmsghdr messages[BATCH];

    if (argc != 2)
        return 2;
    here.sin_port = htons((unsigned short)atoi(argv[1]));
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
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
            parts[i].iov_len = SIZE - sizeof record;
            messages[i].msg_hdr.msg_namelen = sizeof peers[i];
        }
        int count = recvmmsg(sock, messages, BATCH, MSG_WAITFORONE, 0);
        for (int i = 0; i < count; i++) {
            unsigned length = messages[i].msg_len;
            octets[i][2] |= 0x80;
            octets[i][7] = 1;
            memcpy(octets[i] + length, record, sizeof record);
            parts[i].iov_len = length + sizeof record;
        }
        for (int sent = 0; sent < count;) {
            int more = sendmmsg(sock, messages + sent, (unsigned)(count - sent), 0);
            sent += more > 0 ? more : 1;
        }
    }
}
