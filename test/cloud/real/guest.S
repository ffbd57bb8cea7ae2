# The guest: a boot sector that shows whether it was disturbed. Each second it prints on the first serial port
#
#     boot=1 up=26 disk=26
#
#   boot  how often this disk was started from    kept in the disk's second sector
#   up    seconds since it started                kept in memory only
#   disk  seconds counted since the disk is new   kept in the disk's second sector
#
# A live migration leaves boot as it is while up and disk go on. A restart raises boot and begins up anew. A disk that was lost or made
# anew begins everything anew. In between it can write memory: `pages` pages a clock tick (55 ms), again and again from 2 MiB to `limit`,
# more than a migration can carry. Both numbers are put into the image afterwards, at the end of the sector.

.set record, 0x8000             # the second sector, as read: boot, then disk
.set boots, record
.set seconds, record + 4
.set ticks, 0x46c               # the BIOS counts clock ticks here, 18.2 a second
.set serial, 0x3f8
.set first_page, 0x200000

.code16
.globl _start
_start:
        ljmp    $0, $begin
begin:  xor     %ax, %ax
        mov     %ax, %ds
        mov     %ax, %es
        mov     %ax, %ss
        mov     $_start, %sp
        mov     %dl, drive
        sti

        mov     $serial + 3, %dx        # 115200 baud, 8 data bits, no interrupts
        mov     $0x80, %al
        out     %al, %dx
        mov     $serial, %dx
        mov     $1, %ax
        out     %ax, %dx
        mov     $serial + 3, %dx
        mov     $3, %al
        out     %al, %dx

        mov     $0x42, %ah              # read the record, one start more
        call    sector
        incl    boots

second: incl    up
        incl    seconds
        mov     $0x43, %ah              # write the record
        call    sector
        mov     $text_boot, %si
        mov     boots, %eax
        call    field
        mov     $text_up, %si
        mov     up, %eax
        call    field
        mov     $text_disk, %si
        mov     seconds, %eax
        call    field
        mov     $text_end, %si
        call    text

        mov     $18, %bp
tick:   mov     ticks, %bl
sleep:  sti
        hlt
        cmp     ticks, %bl
        je      sleep
        call    dirty
        dec     %bp
        jnz     tick
        jmp     second

# Reads (ah = 0x42) or writes (0x43) the second sector.
sector: xor     %al, %al
        mov     drive, %dl
        mov     $packet, %si
        int     $0x13
        ret

# Writes one word in each of the next `pages` pages. The BIOS leaves the segments at 64 KiB, so %fs is opened to 4 GiB each time.
dirty:  mov     pages, %ecx
        jecxz   done
        cli
        lgdt    table
        mov     %cr0, %eax
        inc     %ax
        mov     %eax, %cr0
        mov     $8, %si
        mov     %si, %fs
        dec     %ax
        mov     %eax, %cr0
        mov     next, %edi
write:  cmp     limit, %edi
        jb      inside
        mov     $first_page, %edi
inside: incl    %fs:(%edi)
        add     $0x1000, %edi
        loopl   write
        mov     %edi, next
        xor     %ax, %ax
        mov     %ax, %fs
done:   ret

# Prints the text at %si, then %eax in decimal.
field:  push    %eax
        call    text
        pop     %eax
        mov     $10, %ebx
        xor     %cx, %cx
digit:  xor     %edx, %edx
        div     %ebx
        push    %dx
        inc     %cx
        test    %eax, %eax
        jnz     digit
print:  pop     %ax
        add     $'0', %al
        call    letter
        loop    print
        ret

text:   lodsb
        test    %al, %al
        jz      end
        call    letter
        jmp     text

letter: mov     %al, %ah
        mov     $serial + 5, %dx
full:   in      %dx, %al
        test    $0x20, %al
        jz      full
        mov     %ah, %al
        mov     $serial, %dx
        out     %al, %dx
end:    ret

text_boot:      .asciz  "boot="
text_up:        .asciz  " up="
text_disk:      .asciz  " disk="
text_end:       .asciz  "\r\n"

        .balign 4
packet: .word   16, 1, record, 0        # one sector, to record
        .quad   1                       # the second one
flat:   .quad   0
        .quad   0x00cf92000000ffff      # data, 4 GiB from 0
table:  .word   15
        .long   flat
drive:  .byte   0
        .balign 4
up:     .long   0
next:   .long   first_page

        .org    0x1f0
pages:  .long   0
limit:  .long   first_page
        .org    510
        .word   0xaa55
