/* The questions of load.c and the judging of answers: a line of text to the octets of a question, the octets
 * of an answer to what it says. Included once, by load.c. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum answer { BLOCKED, FORWARDED, FAILED, ANY, OTHER };

struct question { /* the octets are ready to be sent, but for the ID and the number of a new name */
    uint8_t *octets;
    uint16_t length;
    uint8_t expected, fresh;
};

static struct question *questions;
static uint32_t count;

/* Read FILE, see load.c; ends the program when it holds none. */
static void read_questions(const char *path)
{
    static const char *words[] = {"blocked", "forwarded", "failed", "any"};
    char line[512], name[300], type[16], word[16];
    uint32_t room = 0;
    FILE *file = fopen(path, "r");
    if (!file)
        exit((perror(path), 1));
    while (fgets(line, sizeof line, file)) {
        if (sscanf(line, "%255s %15s %15s", name, type, word) != 3)
            continue;
        if (count == room)
            questions = realloc(questions, (room = room ? room * 2 : 4096) * sizeof *questions);
        struct question *one = &questions[count++];
        uint8_t *at = one->octets = malloc(strlen(name) + 18);
        memcpy(at, "\0\0\1\0\0\1\0\0\0\0\0\0", 12); /* RD, one question */
        at += 12;
        for (char *save, *label = strtok_r(name, ".", &save); label; label = strtok_r(NULL, ".", &save)) {
            *at++ = (uint8_t)strlen(label);
            at = mempcpy(at, label, strlen(label));
        }
        *at++ = 0;
        memcpy(at, !strcmp(type, "AAAA") ? "\0\x1c\0\1" : !strcmp(type, "TXT") ? "\0\x10\0\1" : "\0\1\0\1", 4);
        one->length = (uint16_t)(at + 4 - one->octets);
        one->fresh = !memcmp(one->octets + 13, "########", 8);
        for (one->expected = 0; one->expected < ANY && strcmp(word, words[one->expected]);)
            one->expected++;
    }
    fclose(file);
    if (!count)
        exit((fprintf(stderr, "%s: no questions\n", path), 1));
}

/* Eight hexadecimal digits, the first that changes last. */
static void write_number(uint8_t *at, uint32_t value)
{
    for (int digit = 8; digit--; value >>= 4)
        at[digit] = (uint8_t)"0123456789abcdef"[value & 15];
}

/* Whether a message repeats the question it is said to answer; `number` took the place of "########". */
static int repeats(const uint8_t *message, size_t length, const struct question *asked, uint32_t number)
{
    uint8_t digits[8];
    size_t at = 12;
    if (length < asked->length)
        return 0;
    if (asked->fresh) {
        write_number(digits, number);
        if (memcmp(message + 13, digits, 8))
            return 0;
        at = 21;
    }
    return !memcmp(message + at, asked->octets + at, asked->length - at);
}

/* What an answer says. Its first record, at `at`, is read wherever the owner name of it ends. */
static enum answer kind_of(const uint8_t *message, size_t length, size_t at)
{
    if ((message[3] & 15) == 3)
        return BLOCKED;
    if (message[3] & 15)
        return (message[3] & 15) == 2 ? FAILED : OTHER;
    while (at < length && message[at] && message[at] < 0xc0)
        at += message[at] + 1u;
    at += at < length && message[at] ? 2 : 1;
    if (!message[7] || at + 14 > length || message[at + 1] != 1)
        return OTHER;
    if (!memcmp(message + at + 10, "\0\0\0\0", 4))
        return BLOCKED;
    return memcmp(message + at + 10, "\300\0\2\1", 4) ? OTHER : FORWARDED;
}
