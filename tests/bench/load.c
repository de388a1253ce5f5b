/* A load of DNS questions over UDP, and what became of each.
 *
 *   load -p PORT -f FILE [-t SECONDS] [-r RATE] [-w WINDOW] [-n SOCKETS] [-s FIRST] [-l PATIENCE] [-i SECONDS] [-1]
 *
 * Without -r as many questions as the server answers, at most WINDOW of them unanswered at any time (a closed
 * loop); with -r RATE questions a second, evenly, whatever the server does. -1 stops after one pass over FILE.
 *
 * A line of FILE is "NAME TYPE EXPECTED", the last word one of blocked (NXDOMAIN or 0.0.0.0), forwarded
 * (192.0.2.1), failed (SERVFAIL), any. A name that begins with "########" is a new one each time: the eight
 * are replaced by a number that counts up from FIRST. Other answers than the expected, or to another question
 * than was asked under that ID, count as wrong. No answer within PATIENCE seconds counts as lost.
 *
 * Prints one JSON object a line, at the end and with -i every so many seconds, each of the time since the line
 * before. Times are microseconds, from the sending of a question to the reading of its answer.
 * Built by programs.py. One thread: start it on a core of its own. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "questions.h"

#define BATCH 32
#define SOCKETS 64
#define IDS 65536
#define SIZE 1500
#define LATE 0.005 /* seconds' worth of questions that may be sent at once */

struct flight { /* what is under way under one ID; sent is 0 when nothing is */
    uint64_t sent;
    uint32_t question, number;
};

struct port { /* a socket of ours: its IDs are used in turn, `oldest` is the first that may be under way */
    struct flight *flights;
    uint16_t next, oldest;
    uint32_t waiting;
};

static struct port ports[SOCKETS];
static struct pollfd sockets[SOCKETS]; /* of the same index */
static int socket_count = 16;
static uint32_t next, number; /* the question to be asked next, and the number of the next new name */
static uint64_t outstanding;
static struct { uint64_t sent, answered, lost, wrong, unexpected, kinds[OTHER + 1], longest, times[64 * 32]; } seen;

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* Times are counted in 32 steps for each power of two, so that each is known to 3 %. */
static int step_of(uint64_t time)
{
    int power = time < 32 ? 4 : 63 - __builtin_clzll(time);
    return time < 32 ? (int)time : (power - 4) * 32 + (int)(time >> (power - 5) & 31);
}

static double microseconds(double share)
{
    uint64_t wanted = (uint64_t)(share * (double)seen.answered), sum = 0;
    for (int step = 0; step < 64 * 32; step++)
        if ((sum += seen.times[step]) > wanted)
            return step < 32 ? step / 1e3 : (double)(1ull << (step / 32 + 4)) * (1 + (step % 32 + 0.5) / 32) / 1e3;
    return 0;
}

static void land(struct port *port, struct flight *flight)
{
    flight->sent = 0;
    port->waiting--;
    outstanding--;
}

static void take(struct port *port, const uint8_t *message, size_t length, uint64_t time)
{
    struct flight *flight = &port->flights[message[0] << 8 | message[1]];
    if (length < 12 || !(message[2] & 0x80) || !flight->sent) {
        seen.unexpected++;
        return;
    }
    const struct question *asked = &questions[flight->question];
    int same = repeats(message, length, asked, flight->number);
    enum answer kind = same ? kind_of(message, length, asked->length) : OTHER;
    uint64_t took = time - flight->sent;
    seen.answered++;
    seen.kinds[kind]++;
    seen.wrong += !same || (asked->expected != ANY && kind != asked->expected);
    seen.times[step_of(took)]++;
    seen.longest = took > seen.longest ? took : seen.longest;
    land(port, flight);
}

/* Read what has come, a batch from each socket; how many. */
static int receive(void)
{
    static uint8_t octets[BATCH][SIZE];
    static struct iovec parts[BATCH];
    static struct mmsghdr messages[BATCH];
    int taken = 0;
    for (int i = 0; i < BATCH && !parts[i].iov_base; i++) {
        parts[i] = (struct iovec){octets[i], SIZE};
        messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
    }
    for (int which = 0; which < socket_count; which++) {
        if (!ports[which].waiting)
            continue;
        int got = recvmmsg(sockets[which].fd, messages, BATCH, MSG_DONTWAIT, NULL);
        uint64_t time = got > 0 ? now() : 0;
        for (int i = 0; i < got; i++)
            take(&ports[which], octets[i], messages[i].msg_len, time);
        taken += got > 0 ? got : 0;
    }
    return taken;
}

/* Send up to `wanted` questions from one socket; how many. */
static int ask(int which, int wanted)
{
    static uint8_t octets[BATCH][SIZE];
    static struct iovec parts[BATCH];
    static struct mmsghdr messages[BATCH];
    struct port *port = &ports[which];
    uint64_t time = now();
    int made = 0;
    for (; made < wanted && made < BATCH; made++) {
        uint16_t id = port->next++;
        const struct question *one = &questions[next];
        struct flight *flight = &port->flights[id];
        if (flight->sent) { /* every ID of this socket is under way: the oldest is given up */
            seen.lost++;
            land(port, flight);
        }
        *flight = (struct flight){time, next, number};
        memcpy(octets[made], one->octets, one->length);
        octets[made][0] = (uint8_t)(id >> 8);
        octets[made][1] = (uint8_t)id;
        if (one->fresh)
            write_number(octets[made] + 13, number++);
        parts[made] = (struct iovec){octets[made], one->length};
        messages[made].msg_hdr = (struct msghdr){.msg_iov = &parts[made], .msg_iovlen = 1};
        next = next + 1 == count ? 0 : next + 1;
    }
    for (int sent = 0; sent < made;) { /* what cannot be sent will count as lost */
        int more = sendmmsg(sockets[which].fd, messages + sent, (unsigned)(made - sent), 0);
        sent += more > 0 ? more : 1;
    }
    seen.sent += (uint64_t)made;
    outstanding += (uint64_t)made;
    port->waiting += (uint32_t)made;
    return made;
}

/* Count as lost what was sent before a time and is still unanswered. */
static void give_up(uint64_t before)
{
    for (struct port *port = ports; port < ports + socket_count; port++)
        for (; port->oldest != port->next; port->oldest++) {
            struct flight *flight = &port->flights[port->oldest];
            if (flight->sent >= before)
                break;
            if (flight->sent) {
                seen.lost++;
                land(port, flight);
            }
        }
}

static void print(double seconds)
{
    printf("{\"seconds\":%.3f,\"sent\":%lu,\"answered\":%lu,\"lost\":%lu,\"wrong\":%lu,\"unexpected\":%lu,", seconds,
           seen.sent, seen.answered, seen.lost, seen.wrong, seen.unexpected);
    printf("\"blocked\":%lu,\"forwarded\":%lu,\"failed\":%lu,\"other\":%lu,\"rate\":%.0f,", seen.kinds[BLOCKED],
           seen.kinds[FORWARDED], seen.kinds[FAILED], seen.kinds[OTHER], (double)seen.answered / seconds);
    printf("\"p50\":%.1f,\"p99\":%.1f,\"p999\":%.1f,\"longest\":%.1f,\"next\":%u}\n", microseconds(0.5),
           microseconds(0.99), microseconds(0.999), (double)seen.longest / 1e3, number);
    fflush(stdout);
    memset(&seen, 0, sizeof seen);
}

static void open_sockets(int port)
{
    struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int room = 4 << 20;
    there.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int which = 0; which < socket_count; which++) {
        int sock = socket(AF_INET, SOCK_DGRAM, 0);
        if (setsockopt(sock, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room)) /* root may have more than others */
            setsockopt(sock, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
        if (connect(sock, (struct sockaddr *)&there, sizeof there))
            exit((perror("connect"), 1));
        sockets[which] = (struct pollfd){.fd = sock, .events = POLLIN};
        ports[which].flights = calloc(IDS, sizeof(struct flight));
    }
}

static double seconds = 3, rate, patience = 1, interval = 1e9;
static int window = 100, once;

/* Ask until the time is over, then wait for what is under way. */
static void run(void)
{
    uint64_t began = now(), reported = began, checked = began, last = began, asked = 0;
    int batch = window / 4 < 1 ? 1 : window / 4 > BATCH ? BATCH : window / 4, which = 0;
    for (int asking = 1; asking || outstanding;) {
        int moved = receive();
        uint64_t time = now();
        double elapsed = (double)(time - began) / 1e9;
        last = moved ? time : last;
        asking = asking && elapsed < seconds && !(once && asked >= count);
        int due = rate > 0 ? (int)(elapsed * rate - (double)asked) : window - (int)outstanding;
        if (once && due > (int)(count - asked))
            due = (int)(count - asked);
        /* What was not asked while this program got no processor is not made up for: no server is to blame. */
        if (rate > 0 && due > rate * LATE + 1) {
            asked += (uint64_t)(due - (int)(rate * LATE + 1));
            due = (int)(rate * LATE + 1);
        }
        /* In a closed loop whole batches, at a rate a few from each socket. */
        int most = rate > 0 ? 4 : batch, least = rate > 0 || once ? 1 : batch;
        for (int made; asking && due >= least; due -= made, moved += made, asked += (uint64_t)made) {
            made = ask(which, due < most ? due : most);
            which = (which + 1) % socket_count;
        }
        if (time - checked > 20000000u) {
            give_up(time - (uint64_t)(patience * 1e9));
            checked = time;
        }
        if (asking && (double)(time - reported) / 1e9 >= interval) {
            print((double)(time - reported) / 1e9);
            reported = time;
        }
        if (!moved) { /* until an answer comes or the next question is due */
            double wait = asking && rate > 0 ? (double)(asked + 1) / rate - elapsed : 1e-3;
            struct timespec most_wait = {0, wait < 0 ? 0 : wait > 1e-3 ? 1000000 : (long)(wait * 1e9)};
            ppoll(sockets, (nfds_t)socket_count, &most_wait, NULL);
        }
    }
    /* The rate is of the time in which there were answers: waiting for what is lost is no part of it. */
    print((double)((last > reported ? last : now()) - reported) / 1e9);
}

int main(int argc, char **argv)
{
    const char *path = NULL;
    int port = 0;
    for (int option; (option = getopt(argc, argv, "p:f:t:r:w:n:s:l:i:1")) != -1;)
        switch (option) {
        case 'p': port = atoi(optarg); break;
        case 'f': path = optarg; break;
        case 't': seconds = atof(optarg); break;
        case 'r': rate = atof(optarg); break;
        case 'w': window = atoi(optarg); break;
        case 'n': socket_count = atoi(optarg); break;
        case 's': number = (uint32_t)strtoul(optarg, NULL, 10); break;
        case 'l': patience = atof(optarg); break;
        case 'i': interval = atof(optarg); break;
        case '1': once = 1; break;
        default: return 2;
        }
    if (!path || !port || socket_count < 1 || socket_count > SOCKETS)
        return 2;
    read_questions(path);
    open_sockets(port);
    prctl(PR_SET_TIMERSLACK, 1); /* wake when it is time, not some 50 microseconds later */
    run();
    return 0;
}
